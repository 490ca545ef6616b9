import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type ServerType, serve } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import type { App } from '../../functions/kernel/validate.ts'
import { eachLine, usageHead } from '../../functions/usage/read.ts'
import { usageRoutes } from '../../functions/usage/routes.ts'
import { chunksOfBatch } from '../../functions/usage/store.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import { freshTable } from '../support/table.ts'
import { appOf, eleme, eventFields, ndjson, receiveNeeds } from './support.ts'

let table: Table
let app: App
/** Every write that reached the table. */
let writes: number
beforeEach(async () => {
  const fresh = await freshTable()
  writes = 0
  const counted = <A>(act: (argument: A) => Promise<void>) => {
    return (argument: A) => {
      writes++
      return act(argument)
    }
  }
  table = { ...fresh.table, write: counted(fresh.table.write), commit: counted(fresh.table.commit) }
  app = appOf(usageRoutes(receiveNeeds(table).needs), () => eleme)
})

type Headers = Record<string, string>
type Answer = { status: number; headers: globalThis.Headers; body: Record<string, unknown> & { code?: string } }
async function send(body: string | Uint8Array, headers: Headers = {}): Promise<Answer> {
  const bytes = typeof body === 'string' ? body : new Uint8Array(body)
  const answer = await app.request('/v1/usage-batches', {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  })
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer['body'] }
}
const gzip = { 'content-encoding': 'gzip' }
const json = { 'content-type': 'application/json' }
const good = JSON.stringify(eventFields())
const digest = (name: 'sha-256' | 'sha-512', bytes: Uint8Array) =>
  `${name}=:${createHash(name.replace('-', '')).update(bytes).digest('base64')}:`
const packed = gzipSync(ndjson(eventFields()))
const nothing = async () => {
  expect(writes).toBe(0)
  expect(await usageHead({ table }, 'eleme')).toBeUndefined()
}

describe('gzip', () => {
  test('the same lines, compressed otherwise or not at all, are one batch with one receipt', async () => {
    const body = ndjson(eventFields(), 'x', eventFields({ id: 'e-2' }))
    const first = await send(body)
    expect(first.status).toBe(202)
    const [head, tail] = [body.subarray(0, 100), body.subarray(100)]
    const forms = [
      gzipSync(body, { level: 1 }),
      gzipSync(body, { level: 9 }),
      Buffer.concat([gzipSync(head), gzipSync(tail)]),
    ]
    for (const [index, form] of forms.entries()) {
      const again = await send(form, {
        'content-encoding': ['gzip', 'X-GZip', ' GZIP '][index] ?? '',
        // Of the bytes as they are sent, not of the lines.
        'content-digest': `${digest('sha-512', form)}, ${digest('sha-256', form)}`,
        'tessera-control-count': '3',
        'tessera-control-quantity': '2',
      })
      expect(again.body).toEqual(first.body)
    }
    expect(await usageHead({ table }, 'eleme')).toMatchObject({ sequence: 1, lines: 3 })
  })

  test.each<[string, Uint8Array, number, string]>([
    ['truncated', packed.subarray(0, -10), 400, 'invalid-request'],
    ['without its checksum', packed.subarray(0, -8), 400, 'invalid-request'],
    ['empty', Buffer.alloc(0), 400, 'invalid-request'],
    ['no gzip', ndjson(eventFields()), 400, 'invalid-request'],
    ['with another checksum', Buffer.concat([packed.subarray(0, -8), Buffer.alloc(8)]), 400, 'invalid-request'],
    ['zlib, not gzip', Buffer.from('789c030000000001', 'hex'), 400, 'invalid-request'],
    ['with garbage after it', Buffer.concat([packed, Buffer.from('garbage')]), 400, 'invalid-request'],
    ['with zeros after it', Buffer.concat([packed, Buffer.alloc(512)]), 400, 'invalid-request'],
    ['with half a member after it', Buffer.concat([packed, packed.subarray(0, 12)]), 400, 'invalid-request'],
    ['of nothing', gzipSync(''), 400, 'empty-batch'],
    ['twice', gzipSync(packed), 202, ''],
  ])('%s', async (_, body, status, code) => {
    const answer = await send(body, gzip)
    expect([answer.status, answer.body.code ?? '']).toEqual([status, code])
    if (status === 202) expect(answer.body).toMatchObject({ lines: expect.any(Number), malformed: expect.any(Array) })
    else await nothing()
  })

  test('a bomb is cut off while it is inflated', async () => {
    const zeros = gzipSync(Buffer.alloc(10_000_000))
    const bomb = Buffer.concat(Array.from({ length: 400 }, () => zeros))
    const before = process.memoryUsage().arrayBuffers
    const answer = await send(bomb, gzip)
    expect([answer.status, answer.body.code]).toEqual([413, 'body-too-large'])
    // 4 GB were announced; what was inflated is less than two batches.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000)
    expect((await send(gzipSync(Buffer.alloc(5_000_001, ' ')), gzip)).status).toBe(413)
    expect((await send(gzipSync(good.padEnd(5_000_000)), gzip)).status).toBe(202)
  })

  test.each(['br', 'deflate', 'zstd', 'gzip, gzip', 'identity, gzip', 'aws-chunked'])(
    '%s is not taken',
    async coding => {
      const answer = await send(packed, { 'content-encoding': coding })
      expect([answer.status, answer.body.code]).toEqual([415, 'unsupported-media-type'])
      expect(answer.headers.get('accept-encoding')).toBe('gzip')
      await nothing()
    },
  )
})

describe('what a batch is said to be', () => {
  const body = ndjson(eventFields())
  const wrong = `sha-256=:${Buffer.alloc(32).toString('base64')}:`
  test.each<[number, string]>([
    [202, digest('sha-512', body)],
    [202, `md5=:AAAA:, ${digest('sha-256', body)}`],
    [202, `${digest('sha-256', body)};note=1`],
    [422, wrong],
    [422, `${digest('sha-512', body)}, ${wrong}`],
    [422, digest('sha-256', gzipSync(body))],
    [400, 'md5=:AAAA:'],
    [400, 'sha-256=:not base64:'],
    [400, `sha-256="${createHash('sha256').update(body).digest('hex')}"`],
    [400, `${digest('sha-256', body)}, sha-512=:AAAA:`],
    [400, '\u007f'],
  ])('%d for Content-Digest %s', async (status, contentDigest) => {
    expect((await send(body, { 'content-digest': contentDigest })).status).toBe(status)
    if (status !== 202) await nothing()
  })

  test('under gzip the digest is that of the gzip', async () => {
    const sent = gzipSync(body)
    expect((await send(sent, { ...gzip, 'content-digest': digest('sha-256', body) })).body.code).toBe(
      'control-total-mismatch',
    )
    await nothing()
    expect((await send(sent, { ...gzip, 'content-digest': digest('sha-256', sent) })).status).toBe(202)
  })

  test('under one Idempotency-Key there is one batch, under whatever coding; what was refused may be mended', async () => {
    const key = { 'idempotency-key': 'k' }
    expect((await send('', key)).body.code).toBe('empty-batch')
    const first = await send(body, key)
    expect(first.status).toBe(202)
    expect((await send(gzipSync(body), { ...key, ...gzip })).body).toEqual(first.body)
    const other = await send(ndjson(eventFields({ id: 'e-9' })), key)
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused'])
    expect((await send(body, { 'idempotency-key': 'x'.repeat(256) })).body.code).toBe('invalid-request')
    expect(await usageHead({ table }, 'eleme')).toMatchObject({ sequence: 1 })
  })
})

describe('lines', () => {
  test('each wrong one is told by its number, and chunks know which they are', async () => {
    const deep = '['.repeat(10_000) + ']'.repeat(10_000)
    const lines: (string | Uint8Array)[] = [
      good,
      deep,
      'x'.repeat(100_000),
      Buffer.from([0x22, 0xff, 0x22]),
      '',
      good,
      '\u0000',
      `${good}\r`,
    ]
    const body = Buffer.concat(lines.flatMap(line => [Buffer.from(line), Buffer.from('\n')]))
    const answer = await send(Buffer.concat([Buffer.from('\ufeff'), body]))
    expect(answer.body).toMatchObject({ lines: 7, malformed: [{ line: 2 }, { line: 3 }, { line: 4 }, { line: 6 }] })
    const { id } = answer.body as BatchReceipt
    const chunks = await Array.fromAsync(chunksOfBatch(table, 'eleme', id))
    expect(chunks.flatMap(({ malformed }) => malformed)).toEqual([2, 3, 4, 6])
    const read = await Array.fromAsync(eachLine({ table }, { partner: 'eleme' }))
    expect(read.map(({ event }) => event !== undefined)).toEqual([true, false, false, false, true, false, true])
  })

  test('malformed lines are found in their own chunk', async () => {
    const events = Array.from({ length: 6_000 }, (_, at) => (at % 1_000 === 999 ? 'x' : eventFields({ id: `e-${at}` })))
    const { id } = (await send(ndjson(...events))).body as BatchReceipt
    const chunks = await Array.fromAsync(chunksOfBatch(table, 'eleme', id))
    expect(chunks.length).toBeGreaterThan(2)
    for (const { firstLine, lines, malformed } of chunks)
      for (const line of malformed) {
        expect(line % 1_000).toBe(0)
        expect(line >= firstLine && line < firstLine + lines).toBe(true)
      }
    expect(chunks.flatMap(({ malformed }) => malformed)).toHaveLength(6)
  })

  test.each<[string, string, Headers, number, string]>([
    ['5 MB of open lists', '['.repeat(5_000_000), {}, 202, ''],
    ['5 MB of open lists in JSON', `{"events":[${'['.repeat(4_999_989)}`, json, 400, 'invalid-json'],
    ['5 MB of one text', `{"events":["${'x'.repeat(4_999_985)}"]}`, json, 202, ''],
    ['10 MB in one line', 'x'.repeat(10_000_000), {}, 413, 'body-too-large'],
    ['events twice', `{"events":[${good}],"events":[${good}]}`, json, 400, 'invalid-request'],
    ['something after the end', `{"events":[${good}]}\n{"events":[]}`, json, 400, 'invalid-json'],
    ['a name that is a prototype', `{"__proto__":[${good}]}`, json, 400, 'invalid-request'],
    ['NDJSON for JSON', `${good}\n${good}`, json, 400, 'invalid-request'],
  ])('%s', async (_, body, headers, status, code) => {
    const answer = await send(body, headers)
    expect([answer.status, answer.body.code ?? '']).toEqual([status, code])
    if (status === 202) expect(answer.body).toMatchObject({ lines: 1, malformed: [{ line: 1 }] })
    else await nothing()
  })
})

describe('a connection that breaks', () => {
  let server: ServerType
  let port: number
  beforeEach(async () => {
    port = await new Promise(resolve => {
      server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, info => resolve((info as AddressInfo).port))
    })
  })
  afterEach(() => new Promise<void>(resolve => void server.close(() => resolve())))

  test.each([true, false])(
    'in the middle of a body stores nothing, and the next one is taken (gzip: %s)',
    async coded => {
      const whole = Buffer.from(`${good}\n`.repeat(5_000))
      const sent = coded ? gzipSync(whole) : whole
      const headers = { 'content-type': 'application/x-ndjson', 'content-length': sent.byteLength, ...(coded && gzip) }
      const options = { port, host: '127.0.0.1', method: 'POST', path: '/v1/usage-batches', headers }
      const asked = request(options)
      const broken = new Promise(resolve => asked.once('error', resolve))
      asked.write(sent.subarray(0, sent.byteLength >> 1))
      // The server has begun to read before it is cut.
      await new Promise(resolve => setTimeout(resolve, 100))
      asked.destroy()
      await broken
      await nothing()
      const answer = await fetch(`http://127.0.0.1:${port}/v1/usage-batches`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', ...(coded && gzip) },
        body: new Uint8Array(sent),
      })
      expect(answer.status).toBe(202)
      expect(await usageHead({ table }, 'eleme')).toMatchObject({ sequence: 1, lines: 5_000 })
    },
  )
})
