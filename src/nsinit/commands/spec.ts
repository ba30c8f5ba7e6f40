/** `spec`: the first name of `config`, until July of 2014. */
export { type ConfigGiven as SpecGiven, run } from './config.ts'
