import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe } from 'vitest'

/** Public test data that is no part of the project: beside it, or absent. */
const folder = new URL('../../../shared/vectors/', import.meta.url)

/** `describe` for tests on a file of vectors; says loudly that they do not run where the file is absent. */
export function describeVectors(file: string, tests: () => void): void {
  const path = fileURLToPath(new URL(file, folder))
  if (existsSync(path)) {
    describe(file, tests)
    return
  }
  console.warn(`SKIPPED: ${file} is not at ../shared/vectors, so nothing is tested against it`)
  describe.skip(`${file} (SKIPPED: not at ../shared/vectors)`, () => undefined)
}

export const readVectors = <T>(file: string): T => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as T
