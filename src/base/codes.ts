/** Every error code, once: what it means and what the caller can do about it. The reference page is generated from this table. */
export const CODES = {
  E_INPUT: { title: 'Invalid input', who: 'the caller', hint: 'Correct the named field and call again' },
  E_UNSUPPORTED: {
    title: 'Not supported by this host',
    who: 'the host',
    hint: 'Run `carrel doctor`: it names the missing fact and how to enable it',
  },
  E_STATE: { title: 'Wrong state', who: 'the caller', hint: 'Read what the message says the object is and should be' },
  E_SYSCALL: {
    title: 'The kernel refused a system call',
    who: 'the kernel',
    hint: 'Read the errno beside the call and the reason of the step',
  },
  E_AGENT: {
    title: 'The agent failed or is gone',
    who: 'carrel',
    hint: 'Report it with the message and the kernel version',
  },
  E_TIMEOUT: { title: 'A wait took longer than its timeoutMs', who: 'the caller', hint: 'Give more time, or none' },
  E_COMMAND: {
    title: 'A command ended with a failure that the caller asked to be thrown',
    who: 'the command',
    hint: 'Read `error.result`',
  },
} as const satisfies Record<string, { title: string; who: string; hint: string }>

/** A stable error code: match on this, never on the message. */
export type Code = keyof typeof CODES
