import { styleText } from 'node:util'

/** The story stops at the first thing that is not as it must be, and says what was expected. */
export class NotAsExpected extends Error {}

export function expectEqual(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(sorted(got)), JSON.stringify(sorted(expected))]
  if (a !== b) throw new NotAsExpected(`${what}: expected ${b}, got ${a}`)
}

const sorted = (value: unknown): unknown =>
  value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
    : value

/** Prints each step as it begins, and its end with what it found. */
export function narrator(write: (text: string) => void) {
  let chapter = 0
  return {
    async step<T>(what: string, work: () => Promise<T>, told: (result: T) => string = () => ''): Promise<T> {
      chapter += 1
      write(`${String(chapter).padStart(2)}  ${what} … `)
      const started = performance.now()
      const result = await work()
      const took = styleText('dim', `${Math.round(performance.now() - started)} ms`)
      write(`${styleText('green', 'ok')} ${took}\n`)
      const more = told(result)
      if (more) write(`${more.replaceAll(/^/gm, '      ')}\n`)
      return result
    },
  }
}

export type Answer = { status: number; body: unknown; text: string; headers: Headers }

/** Calls the gateway as one machine client, with a token it fetches once. */
export function machineClient(gateway: string, client: string, secret: string) {
  let token: string | undefined

  async function authorized(): Promise<string> {
    if (token) return token
    const response = await fetch(`${gateway}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    const answer = (await response.json()) as { access_token?: string }
    if (!answer.access_token) throw new NotAsExpected(`no access token for ${client}: ${JSON.stringify(answer)}`)
    token = answer.access_token
    return token
  }

  async function send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${gateway}${path}`, {
      method,
      headers: { authorization: `Bearer ${await authorized()}`, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    return { status: response.status, body: isJson ? JSON.parse(text) : undefined, text, headers: response.headers }
  }

  const wanting = async (status: number, answer: Promise<Answer>, what: string): Promise<Answer> => {
    const got = await answer
    if (got.status !== status) throw new NotAsExpected(`${what}: expected ${status}, got ${got.status} ${got.text}`)
    return got
  }
  const jsonType = { 'content-type': 'application/json' }

  return {
    get: (path: string, status = 200) => wanting(status, send('GET', path, undefined, {}), `GET ${path}`),
    put: (path: string, body: unknown, status = 200) =>
      wanting(status, send('PUT', path, body, jsonType), `PUT ${path}`),
    post: (path: string, body: unknown, status = 200, headers: Record<string, string> = jsonType) =>
      wanting(status, send('POST', path, body, headers), `POST ${path}`),
  }
}
export type MachineClient = ReturnType<typeof machineClient>

/** Who and what the chapters share. */
export type Stage = {
  gateway: string
  programme: string
  login: string
  brand: MachineClient
  youku: MachineClient
  eleme: MachineClient
  narrate: ReturnType<typeof narrator>
}
export async function clockOf(gateway: string): Promise<string> {
  const response = await fetch(`${gateway}/test/clock`)
  return ((await response.json()) as { now: string }).now
}

export async function moveClock(gateway: string, to: Date): Promise<void> {
  const response = await fetch(`${gateway}/test/clock`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ now: to.toISOString() }),
  })
  if (!response.ok) throw new NotAsExpected(`the clock did not move to ${to.toISOString()}: ${await response.text()}`)
}
