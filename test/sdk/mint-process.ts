import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The command as a partner's engineer runs it: another process, and what it prints. */
export const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'sdk/testing/mint.ts')
export const run = promisify(execFile)
const running = new Set<ChildProcess>()

/** Ends what a test has left running. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
}

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

function start(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { cwd: root })
  running.add(child)
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', chunk => chunks.stdout.push(chunk))
  child.stderr.on('data', chunk => chunks.stderr.push(chunk))
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString()
  const ended = new Promise<Ran>(resolve => {
    child.on('close', code => {
      running.delete(child)
      resolve({ stdout: text('stdout'), stderr: text('stderr'), code })
    })
  })
  return { child, ended, text }
}

export const mint = (...args: string[]): Promise<Ran> => start(...args).ended

/** An issuer in a process of its own, once it has said where it is. */
export async function serving(...args: string[]) {
  const { child, ended, text } = start('--serve', ...args)
  const ready = new Promise<void>(resolve => {
    child.stdout.on('data', () => text('stdout').includes('Ctrl-C') && resolve())
  })
  await Promise.race([ready, ended])
  const welcome = text('stdout')
  const url = /listens at (http:\S+)/.exec(welcome)?.[1]
  if (url === undefined) throw new Error(`no issuer: ${welcome}${text('stderr')}`)
  return { child, ended, welcome, url }
}
