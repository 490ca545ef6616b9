import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import {
  type Candidate,
  dynoxide,
  type Engine,
  type EngineOptions,
  javaMajor,
  startEngine,
} from '../../functions/local/engine.ts'
import { client, key, makeTable, skipLoudly } from '../support/local-engines.ts'

describe('starting an engine', () => {
  for (const name of ['dynoxide', 'dynamodb-local'] as const) {
    test.skipIf(skipLoudly(name))(
      `${name} starts, answers and stops`,
      async () => {
        const engine = await started({ choice: name })
        expect(engine.name).toBe(name)
        const db = client(engine.endpoint)
        await makeTable(db, 'things')
        await engine.stop()
        await engine.stop()
        expect(await accepts(engine.endpoint)).toBe(false)
      },
      60_000,
    )
  }

  test.skipIf(skipLoudly('dynoxide'))('a data folder keeps the tables from one start to the next', async () => {
    const dataFolder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'data')
    onTestFinished(() => rm(join(dataFolder, '..'), { recursive: true }))
    const first = await started({ choice: 'dynoxide', dataFolder })
    await makeTable(client(first.endpoint), 'things')
    await client(first.endpoint).send(new PutItemCommand({ TableName: 'things', Item: key('a') }))
    await first.stop()
    const second = await started({ choice: 'dynoxide', dataFolder })
    const { Item } = await client(second.endpoint).send(new GetItemCommand({ TableName: 'things', Key: key('a') }))
    expect(Item).toEqual(key('a'))
  })

  test('an engine that somebody else runs is used and left running', async () => {
    const engine = await startEngine({ endpoint: inject('dynamodbEndpoint') })
    expect(engine).toMatchObject({ name: 'external', endpoint: inject('dynamodbEndpoint') })
    await engine.stop()
    expect(await accepts(engine.endpoint)).toBe(true)
  })

  test.skipIf(skipLoudly('dynoxide'))('a candidate that cannot run gives way to the next, and says why', async () => {
    const lines: string[] = []
    const engine = await started({ log: line => lines.push(line) }, [dying('dynamodb-local'), dynoxide])
    expect(engine.name).toBe('dynoxide')
    expect(lines[0]).toContain('dynamodb-local: ended (exit code 3); its last lines:\n    out of luck')
  })

  test('with no engine at all, the error names what was tried and the three ways out', async () => {
    const missing: Candidate = {
      name: 'dynoxide',
      readyWithinMs: 1_000,
      command: async () => ({ file: '/nowhere/dynoxide', args: [] }),
    }
    const refused = await startEngine({}, [missing, dying('dynamodb-local')]).catch((error: unknown) => error)
    expect(String(refused)).toMatch(/tried dynoxide: cannot be run: .*ENOENT/)
    expect(String(refused)).toContain('tried dynamodb-local: ended (exit code 3)')
    for (const wayOut of ['DYNAMODB_ENDPOINT', '@dynoxide/linux-x64', 'Java 17']) {
      expect(String(refused)).toContain(wayOut)
    }
  })

  test('a child that runs but never answers is given up and ended', async () => {
    const mute: Candidate = {
      name: 'dynoxide',
      readyWithinMs: 300,
      command: async () => ({
        file: process.execPath,
        args: ['-e', 'console.error(process.pid); setInterval(() => {}, 1e3)'],
      }),
    }
    const refused = String(await startEngine({}, [mute]).catch((error: unknown) => error))
    expect(refused).toContain('no answer within 300 ms')
    const pid = Number(/lines:\s+(\d+)/.exec(refused)?.[1])
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  test.skipIf(skipLoudly('dynoxide'))('a port lost to another process is exchanged for a fresh one', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void holder.close())
    await once(holder, 'listening')
    const taken = (holder.address() as AddressInfo).port
    const ports: number[] = []
    const unlucky: Candidate = {
      ...dynoxide,
      command: (port, folder) => dynoxide.command(ports.push(port) === 1 ? taken : port, folder),
    }
    const engine = await started({}, [unlucky])
    expect(ports).toHaveLength(2)
    expect(engine.endpoint).toBe(`http://127.0.0.1:${ports[1]}`)
  })

  test.skipIf(skipLoudly('dynoxide'))('an engine does not outlive the process that started it', async () => {
    const module = JSON.stringify(new URL('../../functions/local/engine.ts', import.meta.url).href)
    const script = `
      const { startEngine } = await import(${module})
      console.log((await startEngine({ choice: 'dynoxide' })).endpoint)
      process.exit(0)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    await expect.poll(() => accepts(stdout.trim())).toBe(false)
  })

  test.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_392"', 8],
    ['openjdk version "25" 2025-09-16', 25],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', 0],
  ])('the Java version in %j is %d', (printed, major) => {
    expect(javaMajor(printed)).toBe(major)
  })
})

async function started(options: EngineOptions, candidates?: Candidate[]): Promise<Engine> {
  const engine = await startEngine(options, candidates)
  onTestFinished(() => engine.stop())
  return engine
}

function dying(name: Candidate['name']): Candidate {
  const args = ['-e', 'console.error("out of luck"); process.exit(3)']
  return { name, readyWithinMs: 5_000, command: async () => ({ file: process.execPath, args }) }
}

function accepts(endpoint: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(Number(new URL(endpoint).port), new URL(endpoint).hostname)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
