import { UnsupportedError } from '../../base/errors.ts'

/** 2014's tool executed itself inside the container under this name. @throws UnsupportedError always */
export function run(): never {
  const why =
    'There is no "init": process 1 of the container is the command itself, set up by system calls from outside, so no file of the host is executed in it (CVE-2019-5736)'
  throw new UnsupportedError(why, { fact: 'init', remedy: 'use carrel nsinit exec COMMAND' })
}
