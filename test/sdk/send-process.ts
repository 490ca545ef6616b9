import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './built-kit.ts'

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const script = join(root, 'sdk/send/main.ts')

/** The command as a partner runs it: a process of its own. */
export function start(args: readonly string[], env: Record<string, string> = {}) {
  // Node of the kit's own range strips the types by itself, so no loader stands between.
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...env },
  })
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', chunk => chunks.stdout.push(chunk))
  child.stderr.on('data', chunk => chunks.stderr.push(chunk))
  const ended = new Promise<Ran>(resolve => {
    child.on('close', (code, signal) => {
      const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString()
      resolve({ stdout: text('stdout'), stderr: text('stderr'), code, signal })
    })
  })
  return { child, ended }
}

export function command(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { child, ended } = start(args, env)
  child.stdin.end()
  return ended
}

export const event = (id: string, more: object = {}): object => ({
  id,
  entitlementId: 'ent_00000000000000000000000001',
  benefit: 'youku-vip',
  subject: 'sub_00000000000000000000000001',
  occurredAt: '2026-10-03T04:11:09Z',
  ...more,
})
export const line = (id: string, more: object = {}): string => JSON.stringify(event(id, more))
/** A file of `count` events, `use-1` and on. */
export const events = (count: number, prefix = 'use'): string =>
  Array.from({ length: count }, (_, index) => `${line(`${prefix}-${index + 1}`)}\n`).join('')

export const ndjson = async (path: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map(text => JSON.parse(text))
