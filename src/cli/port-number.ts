import { InvalidArgumentError } from 'commander'

/** Of an option. 0: any that is free. */
export const portNumber = (text: string): number => {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('It has to be from 0 to 65535.')
  return port
}
