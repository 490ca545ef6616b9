import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Of what `TESSERA_DATA` keeps. One up whenever stored shapes change: the demo's data is made anew, not migrated. */
const format = '5'

/**
 * Makes sure of the folder in which the demo keeps its data.
 * @returns the development vault's key, which must last as long as the data that it seals
 * @throws Error that says what to do, where the folder is of another version or somebody else's
 */
export function openDataFolder(folder: string): Uint8Array {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const mark = join(folder, 'format')
  const found = existsSync(mark) ? readFileSync(mark, 'utf8').trim() : undefined
  if (found === undefined && readdirSync(folder).length > 0)
    throw new Error(
      `TESSERA_DATA: ${folder} holds other data, or that of an earlier version: empty it or name another one`,
    )
  if (found !== undefined && found !== format)
    throw new Error(`TESSERA_DATA: ${folder} was made by another version (format ${found}, not ${format}): empty it`)
  if (found === undefined) writeFileSync(mark, `${format}\n`, { mode: 0o600 })
  const key = join(folder, 'development-vault.key')
  if (!existsSync(key)) writeFileSync(key, randomBytes(32), { mode: 0o600 })
  return readFileSync(key)
}
