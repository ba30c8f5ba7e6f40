import type { GeneratedFile } from './generated-file.ts'

/** Every file that `npm run generate` writes; a new generator is added here, and nowhere else. */
export const GENERATORS: readonly GeneratedFile[] = []
