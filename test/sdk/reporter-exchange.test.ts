import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Fetch } from '../../sdk/bounded-fetch.ts'
import { ExchangeFailed, post } from '../../sdk/reporter-exchange.ts'
import { root } from './built-kit.ts'
import { failureOf } from './reporter-world.ts'

const run = promisify(execFile)
const bounds = { timeoutMilliseconds: 60_000, maxBytes: 10, signal: new AbortController().signal }
const posted = (fetch: Fetch, more: Partial<typeof bounds> = {}) =>
  post(fetch, 'https://tessera.example/x', { body: 'b' }, { ...bounds, ...more })
const silent: Fetch = () => new Promise(() => undefined)

test('an answer is its status, its JSON and how long to wait', async () => {
  const asked: RequestInit[] = []
  const answered = await posted(async (_, init) => {
    asked.push(init)
    return new Response('{"a":1}', { status: 429, headers: { 'retry-after': '2' } })
  })
  expect(answered).toEqual({ status: 429, body: { a: 1 }, retryAfterMilliseconds: 2000 })
  expect(asked).toMatchObject([{ method: 'POST', redirect: 'manual', body: 'b' }])
})

test('a redirect is an answer', async () => {
  const headers = { location: 'https://attacker.example' }
  expect(await posted(async () => new Response(null, { status: 307, headers }))).toMatchObject({ status: 307 })
})

test.each<[string, string, Fetch]>([
  ['longer than the cap', 'too-large', async () => new Response('x'.repeat(11))],
  ['that says it will be', 'too-large', async () => new Response('x', { headers: { 'content-length': '11' } })],
  ['that breaks off', 'unavailable', () => Promise.reject(new TypeError('fetch failed'))],
])('an answer %s is none', async (_, fault, fetch) => {
  const failure = await failureOf(posted(fetch))
  expect(failure).toBeInstanceOf(ExchangeFailed)
  expect(failure).toMatchObject({ cause: { fault } })
})

test('a POST is not sent again when its connection was closed: only its sender knows whether it may be', async () => {
  let sent = 0
  const closed: Fetch = () => {
    sent += 1
    return Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }))
  }
  await failureOf(posted(closed))
  expect(sent).toBe(1)
})

test('a signal ends it, also one that was aborted before', async () => {
  const abort = new AbortController()
  const failed = failureOf(posted(silent, { signal: abort.signal }))
  abort.abort(new Error('closing'))
  expect(await failed).toMatchObject({ cause: { cause: { message: 'closing' } } })
  expect(await failureOf(posted(silent, { signal: abort.signal }))).toBeInstanceOf(ExchangeFailed)
})

const script = (timeoutMilliseconds: number, fetch: string) => `
import { post } from ${JSON.stringify(join(root, 'sdk/reporter-exchange.ts'))}
const bounds = { timeoutMilliseconds: ${timeoutMilliseconds}, maxBytes: 10, signal: new AbortController().signal }
const answer = await post(${fetch}, 'https://tessera.example/x', {}, bounds).catch(error => error.cause.fault)
console.log(answer.status ?? answer)
`
const printed = async (...args: Parameters<typeof script>) => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script(...args)])
  return stdout
}

test('the deadline holds a process that waits for nothing else, and none that has its answer', async () => {
  expect(await printed(50, '() => new Promise(() => {})')).toBe('timeout\n')
  expect(await printed(2_000_000_000, 'async () => new Response("1")')).toBe('200\n')
})
