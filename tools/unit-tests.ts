import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

// Entry of the process that runs all unit tests: loading a file registers its tests with node:test, which runs them.
for (const file of process.argv.slice(2)) await import(pathToFileURL(resolve(file)).href)
