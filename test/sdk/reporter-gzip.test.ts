import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Fault, reporterWorld, status, use } from './reporter-world.ts'

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
const many = Array.from({ length: 20 }, (_, index) => use(`gzip-${index}`))

test('a batch that is worth it goes under gzip, and its receipt is of the batch itself', async () => {
  const { reporterOf, faults, receipts, head } = await reporterWorld()
  const wire: { headers: Headers; body: Uint8Array }[] = []
  const look: Fault = (send, init) => {
    wire.push({ headers: new Headers(init.headers), body: init.body as Uint8Array })
    return send()
  }
  faults.push(look, look)
  const reporter = reporterOf()
  for (const event of many) reporter.report(event)
  await reporter.flush()
  reporter.report(use('small'))
  await reporter.flush()
  const [large, small] = wire
  expect(large?.headers.get('content-encoding')).toBe('gzip')
  expect(large?.headers.get('content-digest')).toBe(
    `sha-256=:${digestOf(large?.body ?? Buffer.of()).toString('base64')}:`,
  )
  expect(receipts[0]?.digest).toBe(digestOf(gunzipSync(large?.body ?? Buffer.of())).toString('hex'))
  expect(small?.headers.has('content-encoding')).toBe(false)
  expect(await head()).toMatchObject({ sequence: 2, lines: 21 })
})

test('who does not take gzip gets the same batch as it is', async () => {
  const { reporterOf, faults, sent, receipts, head } = await reporterWorld()
  faults.push(status(415))
  const reporter = reporterOf()
  for (const event of many) reporter.report(event)
  await reporter.flush()
  expect(sent.map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null])
  expect(sent[1]?.body).toBe(sent[0]?.body)
  expect(receipts).toHaveLength(1)
  expect(await head()).toMatchObject({ sequence: 1, lines: 20 })
})

test('gzip may be left out', async () => {
  const { reporterOf, sent } = await reporterWorld()
  const reporter = reporterOf({ gzip: false })
  for (const event of many) reporter.report(event)
  await reporter.flush()
  expect(sent.map(({ headers }) => headers.get('content-encoding'))).toEqual([null])
})

test('that nobody takes gzip is asked once, and a token that died on the way is renewed', async () => {
  const { reporterOf, faults, sent, receipts } = await reporterWorld()
  faults.push(status(415), status(401))
  const reporter = reporterOf()
  for (const event of many) reporter.report(event)
  await reporter.flush()
  for (const event of many) reporter.report({ ...event, id: `again-${event.id}` })
  await reporter.flush()
  expect(sent.map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null, null, null])
  expect(receipts).toHaveLength(2)
})
