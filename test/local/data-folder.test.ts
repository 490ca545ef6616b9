import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDataFolder } from '../../functions/local/data-folder.ts'

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tessera-data-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

test('a new folder gets a key, and keeps it', () => {
  const data = join(folder(), 'new')
  const key = openDataFolder(data)
  expect(key).toHaveLength(32)
  expect(openDataFolder(data)).toEqual(key)
  expect(statSync(join(data, 'development-vault.key')).mode & 0o077).toBe(0)
})

test('a folder of an earlier version, or with something else in it, is refused and left as it is', () => {
  const data = folder()
  writeFileSync(join(data, 'development-vault.key'), 'old')
  expect(() => openDataFolder(data)).toThrow(/empty it or name another one/)
  expect(readFileSync(join(data, 'development-vault.key'), 'utf8')).toBe('old')
})

test('a folder of a later version is refused by the number of its format', () => {
  const data = folder()
  openDataFolder(data)
  writeFileSync(join(data, 'format'), '99\n')
  expect(() => openDataFolder(data)).toThrow(/format 99/)
})
