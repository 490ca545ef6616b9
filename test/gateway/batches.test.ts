import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Problem } from '../../schemas/problem.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, seedTerms, seedUse } from '../support/gateway.ts'

let world: GatewayWorld
let seeded: Awaited<ReturnType<typeof seedUse>>

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  seeded = await seedUse(world)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

describe('a batch is stored whole or not at all', () => {
  const path = '/v1/usage-batches'
  const events = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, index) => ({ ...seeded.event, id: `${prefix}-${index}` }))
  const lines = (list: object[]) => list.map(event => JSON.stringify(event)).join('\n')
  const ndjson = { 'content-type': 'application/x-ndjson' }
  const sequenceNow = async (): Promise<number> => {
    const body = { events: events(1, `probe-${Math.random()}`) }
    return (await bodyOf<{ sequence: number }>(await world.call('youku', 'POST', path, body), 202)).sequence
  }

  test.each<[string, () => string, Record<string, string>, number, string]>([
    [
      'too few by its count',
      () => lines(events(3, 'a')),
      { 'tessera-control-count': '4' },
      422,
      'control-total-mismatch',
    ],
    [
      'too few by its quantity',
      () => lines(events(3, 'b')),
      { 'tessera-control-quantity': '4' },
      422,
      'control-total-mismatch',
    ],
    ['a count that is none', () => lines(events(3, 'c')), { 'tessera-control-count': '3.0' }, 400, 'invalid-request'],
    [
      'another digest',
      () => lines(events(3, 'd')),
      { 'content-digest': `sha-256=:${'A'.repeat(43)}=:` },
      422,
      'control-total-mismatch',
    ],
    ['no lines', () => '\n \n', {}, 400, 'empty-batch'],
    ['10,001 lines', () => '{}\n'.repeat(10_001), {}, 413, 'too-many-events'],
    ['a coding nobody knows', () => lines(events(3, 'e')), { 'content-encoding': 'br' }, 415, 'unsupported-media-type'],
    ['no gzip that says it is', () => lines(events(3, 'f')), { 'content-encoding': 'gzip' }, 400, 'invalid-request'],
  ])('%s', async (_name, body, headers, status, code) => {
    const before = await sequenceNow()
    const refused = await bodyOf<Problem>(
      await world.call('youku', 'POST', path, body(), { ...ndjson, ...headers }),
      status,
    )
    expect(refused.code).toBe(code)
    expect(await sequenceNow()).toBe(before + 1)
    // Once mended, the same lines are a batch that was never seen.
    if (status !== 422) return
    const { sequence } = await bodyOf<{ sequence: number }>(
      await world.call('youku', 'POST', path, body(), ndjson),
      202,
    )
    expect(sequence).toBe(before + 2)
  })

  test('bad lines are kept and told, with pointers, beside good ones', async () => {
    const [good] = events(1, 'mixed')
    const body = [good, { ...good, id: 'mixed-typo', quantitty: 2 }, { ...good, id: 'mixed-none', quantity: 0 }]
    const text = `${lines(body as object[])}\n{"id":`
    const batch = await bodyOf<{
      id: string
      lines: number
      malformed: { line: number; errors: { pointer: string }[] }[]
    }>(await world.call('youku', 'POST', path, text, ndjson), 202)
    expect(batch.lines).toBe(4)
    expect(batch.malformed.map(({ line, errors }) => [line, errors.map(({ pointer }) => pointer)])).toEqual([
      [2, ['/quantitty']],
      [3, ['/quantity']],
      [4, ['']],
    ])
    const { dispositions } = await bodyOf<{ dispositions: object }>(
      await world.call('youku', 'GET', `${path}/${batch.id}`),
    )
    expect(dispositions).toEqual({ matched: 1, malformed: 3 })
  })

  test('the same bytes again are the same batch', async () => {
    const text = lines(events(3, 'again'))
    const first = await bodyOf(await world.call('youku', 'POST', path, text, ndjson), 202)
    expect(await bodyOf(await world.call('youku', 'POST', path, text, ndjson), 202)).toEqual(first)
  })

  test('a use of another’s entitlement is a line that belongs to nobody', async () => {
    const { event } = seeded
    const { id } = await bodyOf<{ id: string }>(
      await world.call('eleme', 'POST', '/v1/usage-batches', { events: [event] }),
      202,
    )
    expect(id).not.toBe(seeded.batch.id)
    const { dispositions } = await bodyOf<{ dispositions: object }>(
      await world.call('eleme', 'GET', `/v1/usage-batches/${id}`),
    )
    expect(dispositions).toEqual({ 'unknown-entitlement': 1 })
  })
})
