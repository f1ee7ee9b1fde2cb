/** Ports of Erlang/OTP, each opened again when its program exits; from the start of the virtual machine. */
/** @import { Peer } from './peers.js' */
/** @import { ChildProcess } from 'node:child_process' */
import { spawn } from 'node:child_process'
import { ended } from './peers.js'

/** @type {Peer} */
export const erlang = {
  name: 'Erlang ports',
  program: 'erl',
  async open(exec, _dir, [program, ...args], count) {
    const list = args.map((arg) => JSON.stringify(arg)).join()
    const code = `
      Open = fun() -> open_port({spawn_executable, "${program}"}, [exit_status, {args, [${list}]}]) end,
      [Open() || _ <- lists:seq(1, ${count})],
      Loop = fun L() -> receive {_, {exit_status, _}} -> Open(), L(); _ -> L() end end,
      Loop().`
    /** @type {ChildProcess | undefined} */
    let child
    return {
      start: () => {
        child = spawn(exec, ['-noshell', '-eval', code], { stdio: 'ignore' })
      },
      async close() {
        if (child === undefined) return
        child.kill('SIGKILL')
        await ended(child)
      },
    }
  },
}
