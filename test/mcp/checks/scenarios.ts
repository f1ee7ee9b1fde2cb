/** The conformance suite's scenarios for servers: those that hold here, and why the others do not apply. */

const FIXTURE = 'calls a tool that only a server written for the suite has'
const RESOURCE = 'reads test:// resources, which only a server written for the suite has'
const NO_PROMPTS = 'there are no prompts, and none are declared'
const NO_LOGGING = 'no logging is declared: faults are in daemon.log'
const NO_QUESTIONS = 'asks the client back, which no tool does'

/** `true`: it has to pass. */
export const SCENARIOS: Readonly<Record<string, true | string>> = {
  'server-initialize': true,
  ping: true,
  'completion-complete': true,
  'tools-list': true,
  'resources-list': true,
  'server-sse-multiple-streams': true,
  'dns-rebinding-protection': true,
  'logging-set-level': NO_LOGGING,
  'tools-call-with-logging': NO_LOGGING,
  'tools-call-simple-text': FIXTURE,
  'tools-call-image': FIXTURE,
  'tools-call-audio': FIXTURE,
  'tools-call-embedded-resource': FIXTURE,
  'tools-call-mixed-content': FIXTURE,
  'tools-call-error': FIXTURE,
  'tools-call-with-progress': FIXTURE,
  'json-schema-2020-12': FIXTURE,
  'server-sse-polling': FIXTURE,
  'tools-call-sampling': NO_QUESTIONS,
  'tools-call-elicitation': NO_QUESTIONS,
  'elicitation-sep1034-defaults': NO_QUESTIONS,
  'elicitation-sep1330-enums': NO_QUESTIONS,
  'resources-read-text': RESOURCE,
  'resources-read-binary': RESOURCE,
  'resources-templates-read': RESOURCE,
  'resources-subscribe': RESOURCE,
  'resources-unsubscribe': RESOURCE,
  'prompts-list': NO_PROMPTS,
  'prompts-get-simple': NO_PROMPTS,
  'prompts-get-with-args': NO_PROMPTS,
  'prompts-get-embedded-resource': NO_PROMPTS,
  'prompts-get-with-image': NO_PROMPTS,
}
