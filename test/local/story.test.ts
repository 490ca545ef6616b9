import { spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../functions/local/engine.ts'

/** `npm run story` and `npm start` as processes of their own: what a stranger types. */
const root = join(import.meta.dirname, '../..')

function run(script: string, args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    cwd: root,
    env: { ...process.env, ...environment, NO_COLOR: '1' },
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data
  })
  child.stderr.on('data', (data: Buffer) => {
    output += data
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  return { child, ended, output: () => output }
}

const isOpen = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = createConnection({ port, host: 'localhost' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

describe('npm run story', () => {
  it('starts a gateway of its own, tells the whole story and leaves nothing behind', async () => {
    const story = run('functions/local/story.ts', [])
    expect(await story.ended, story.output()).toBe(0)
    expect(story.output()).toContain('16  the journal sums to zero … ok')
    expect(story.output()).toContain('the story ended well')
    const [, port] = /DynamoDB engine: \S+ at http:\/\/127\.0\.0\.1:(\d+)/.exec(story.output()) ?? []
    expect(await isOpen(Number(port))).toBe(false)
  }, 180_000)

  it('says what to do when the named gateway does not answer', async () => {
    const story = run('functions/local/story.ts', ['--gateway', `http://localhost:${await freePort()}`])
    expect(await story.ended).toBe(1)
    expect(story.output()).toContain('start one with npm start')
  }, 30_000)

  it('explains itself', async () => {
    const story = run('functions/local/story.ts', ['--help'])
    expect(await story.ended).toBe(0)
    expect(story.output()).toContain('--gateway')
  }, 30_000)
})

describe('npm start', () => {
  const fixed = [8788, 8791, 8792, 8793, 8794]

  it('serves at the fixed ports, keeps PORT, and frees everything on SIGTERM', async context => {
    const port = await freePort()
    for (const taken of fixed)
      if (await isOpen(taken)) return context.skip(`port ${taken} is in use: an npm start is running already`)
    const started = run('functions/local/main.ts', [], { PORT: String(port) })
    const ready = await until(() => /Tessera is ready/.test(started.output()) || started.child.exitCode !== null)
    expect(ready, started.output()).toBe(true)
    expect(await (await fetch(`http://localhost:${port}/health`)).json()).toEqual({ status: 'ok' })
    const metadata = (await (
      await fetch(`http://localhost:${port}/.well-known/oauth-authorization-server`)
    ).json()) as {
      issuer: string
    }
    expect(metadata.issuer).toBe(`http://localhost:${port}`)
    for (const open of fixed) expect(await isOpen(open)).toBe(true)
    started.child.kill('SIGTERM')
    expect(await started.ended).toBe(0)
    for (const closed of [port, ...fixed]) expect(await isOpen(closed)).toBe(false)
  }, 120_000)
})

async function until(condition: () => boolean, milliseconds = 90_000): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (!condition() && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 100))
  return condition()
}
