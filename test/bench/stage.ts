import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FunctionName } from '../../infra/lambdas.ts'
import { bundleLambda } from './lambda-bundle.ts'
import type { Answer, Question } from './processes/answering.ts'

/** A process that answers one question after another. */
export type Performer = {
  ask<T>(command: string, argument?: unknown): Promise<T>
  stop(): Promise<void>
}

export type Stage = ReturnType<typeof openStage>
type StageOptions = { quick: boolean; progress: (line: string) => void }

/** Where a run takes place: its processes and its folder, which all end with it. */
export function openStage({ quick, progress }: StageOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-bench-'))
  const sweep = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', sweep)
  const stack = new AsyncDisposableStack()
  stack.defer(() => {
    process.removeListener('exit', sweep)
    sweep()
  })

  async function start(file: string, flags: readonly string[] = []): Promise<Performer> {
    const performer = perform(file, flags)
    stack.defer(() => performer.stop())
    await performer.ask('ready')
    return performer
  }

  return {
    quick,
    progress,
    folder,
    defer: (end: () => Promise<void>): void => stack.defer(end),
    /** Runs a process of `processes/` as plain Node does, without any loader that would rewrite what is measured. */
    start: (name: string): Promise<Performer> => start(processFile(name)),
    /** The same from a bundle made as that Lambda's: what is measured is what is deployed. */
    async startBundled(name: string, like: FunctionName = 'token', flags: readonly string[] = []): Promise<Performer> {
      const outfile = join(folder, `${name}.mjs`)
      if (!existsSync(outfile)) await bundleLambda(processFile(name), outfile, like)
      return start(outfile, flags)
    },
    end: (): Promise<void> => stack.disposeAsync(),
  }
}

const processFile = (name: string): string => fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url))

function perform(file: string, flags: readonly string[]): Performer {
  const { NODE_OPTIONS: _options, ...env } = process.env
  const child = fork(file, [], {
    execArgv: ['--enable-source-maps', ...flags],
    env: { ...env, NODE_ENV: 'production' },
    serialization: 'advanced',
    // A server writes its log as it would on AWS; nobody reads it.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let asked = 0
  const ended = new Promise<void>(resolve => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${file} ended (${signal ?? code})`))
      waiting.clear()
      resolve()
    })
  })
  child.on('message', (answer: Answer) => {
    const question = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) question?.resolve(answer.result)
    else question?.reject(new Error(`${file}: ${answer.error}`))
  })
  return {
    ask<T>(command: string, argument?: unknown): Promise<T> {
      asked += 1
      const question: Question = { id: asked, command, argument }
      return new Promise<T>((resolve, reject) => {
        if (!child.connected) return reject(new Error(`${file} is not running`))
        waiting.set(question.id, { resolve: value => resolve(value as T), reject })
        child.send(question)
      })
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const insist = setTimeout(() => child.kill('SIGKILL'), 2_000)
      await ended
      clearTimeout(insist)
    },
  }
}
