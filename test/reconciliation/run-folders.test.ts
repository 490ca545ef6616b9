import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderSpill } from '../../functions/reconciliation/spill.ts'

test('what killed processes left is removed before the first run, and nothing of those that live', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'run-folders-'))
  const { pid: dead } = spawnSync(process.execPath, ['--version'])
  const left = (pid: number) => mkdir(join(parent, `tessera-run-${pid}-abcdef`, 'deep'), { recursive: true })
  await Promise.all([dead, process.ppid, process.pid].map(left))
  await mkdir(join(parent, 'tessera-run-of-somebody'))
  const spill = await folderSpill(parent)
  await spill.write('a', [['b', Buffer.from('c')]])
  const [own = ''] = (await readdir(parent)).filter(name => !name.endsWith('-abcdef') && !name.endsWith('somebody'))
  expect(own.startsWith(`tessera-run-${process.pid}-`)).toBe(true)
  const stay = [`tessera-run-${process.pid}-abcdef`, `tessera-run-${process.ppid}-abcdef`, 'tessera-run-of-somebody']
  expect((await readdir(parent)).sort()).toEqual([own, ...stay].sort())
  // Later runs do not look again.
  await left(dead)
  const second = await folderSpill(parent)
  expect(await readdir(parent)).toContain(`tessera-run-${dead}-abcdef`)
  await spill.close()
  await second.close()
  expect((await readdir(parent)).filter(name => !name.endsWith('-abcdef'))).toEqual(['tessera-run-of-somebody'])
  await rm(parent, { recursive: true })
})
