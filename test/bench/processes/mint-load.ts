import { Agent, request } from 'node:http'
import { answering } from './answering.ts'

export type Load = {
  port: number
  path: string
  headers: Record<string, string>
  /** Taken in turn, one a request. */
  bodies: readonly string[]
  authorizations: readonly string[]
  count: number
  concurrency: number
  /** Where in the turns to begin, so that the next load goes on where the last one ended. */
  from: number
}
/** The last answer shows what was asked for; `seconds` is elapsed time. */
export type Loaded = { seconds: number; last: string }

/** Requests over kept connections, always the same number under way. @throws when an answer is not 200 */
answering({
  async load({ count, concurrency, from, ...target }: Load): Promise<Loaded> {
    const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
    const started = performance.now()
    let [next, last] = [0, '']
    try {
      await Promise.all(
        Array.from({ length: concurrency }, async () => {
          while (next < count) {
            const turn = from + next
            next += 1
            last = await post(agent, target, turn)
          }
        }),
      )
    } finally {
      agent.destroy()
    }
    return { seconds: (performance.now() - started) / 1000, last }
  },
})

type Target = Pick<Load, 'port' | 'path' | 'headers' | 'bodies' | 'authorizations'>

function post(agent: Agent, { port, path, headers, bodies, authorizations }: Target, turn: number): Promise<string> {
  const body = bodies[turn % bodies.length] ?? ''
  const authorization = authorizations[turn % authorizations.length] ?? ''
  const sent = { ...headers, authorization, 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const asked = request({ agent, host: '127.0.0.1', port, path, method: 'POST', headers: sent }, answer => {
      const chunks: Buffer[] = []
      answer.on('data', chunk => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 300)}`))
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
