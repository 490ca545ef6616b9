import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath, pathToFileURL } from 'node:url'

type Message = { ready?: true; id?: number; result?: unknown; error?: string }
type Waiting = { resolve: (result: unknown) => void; reject: (error: Error) => void }
export type Lambda = { invoke: (event: unknown) => Promise<unknown>; stop: () => Promise<void> }

/** Starts a bundle in a process of its own. @throws when it does not load, with its standard error */
export async function startLambda(bundle: string, env: Record<string, string>): Promise<Lambda> {
  const child = fork(fileURLToPath(new URL('lambda-runtime.ts', import.meta.url)), [pathToFileURL(bundle).href], {
    env,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  let complaints = ''
  child.stderr?.on('data', chunk => {
    complaints += String(chunk)
  })
  const waiting = new Map<number, Waiting>()
  const fail = (why: string) => {
    for (const { reject } of waiting.values()) reject(new Error(`${why}\n${complaints}`))
    waiting.clear()
  }
  const start = 0
  const ready = new Promise((resolve, reject) => waiting.set(start, { resolve, reject }))
  child.on('message', ({ id = start, result, error }: Message) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error !== undefined) call?.reject(new Error(error))
    else call?.resolve(result)
  })
  child.on('exit', code => fail(`the bundle's process ended with ${code}`))
  await ready
  let last = start
  return {
    invoke: event =>
      new Promise((resolve, reject) => {
        last += 1
        waiting.set(last, { resolve, reject })
        child.send({ id: last, event })
      }),
    stop: async () => {
      child.kill()
      await exited
    },
  }
}
