import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { problemOf } from '../support/answers.ts'
import {
  bodyOf,
  closeOctober,
  type GatewayWorld,
  gatewayWorld,
  leaksOf,
  partnerDocument,
  sale,
  seedTerms,
  seedUse,
} from '../support/gateway.ts'

let world: GatewayWorld
let seeded: Awaited<ReturnType<typeof seedUse>>

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  seeded = await seedUse(world)
})

afterAll(() => {
  expect(world.lines.length).toBeGreaterThan(50)
  expect(leaksOf(world)).toEqual([])
})

const membershipPath = '/v1/memberships'

/** All items of a list, read page by page. */
async function everyPage(client: string, path: string, limit: number): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = []
  let query: string | undefined = `?limit=${limit}`
  while (query !== undefined) {
    const page: { items: Record<string, unknown>[]; next?: string } = await bodyOf(
      await world.call(client, 'GET', `${path}${query}`),
    )
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    query = page.next === undefined ? undefined : `?limit=${limit}&cursor=${encodeURIComponent(page.next)}`
    if (items.length > 1000) throw new Error('the pages never end')
  }
  return items
}

describe('queries and lists', () => {
  test.each([
    '?limit=0',
    '?limit=-1',
    '?limit=101',
    '?limit=1.5',
    '?limit=x',
    '?limit=',
    '?limit=1&limit=2',
    '?cursor=x',
    '?cursor=e30',
    '?cursor=%00',
    `?cursor=${'A'.repeat(500)}`,
    '?cursor=a&cursor=b',
    '?period=2026-13',
    '?programme=88VIP',
  ])('GET /v1/statements%s is refused', async query => {
    await problemOf(await world.call('youku', 'GET', `/v1/statements${query}`), 400, 'invalid-request')
  })

  test.each(['?limit=1001', '?limit=x', '?cursor=x', '?cursor=bGluZSAw', '?cursor=bGluZSAtMQ'])(
    'GET …/dispositions%s is refused',
    async query => {
      const path = `/v1/usage-batches/${seeded.batch.id}/dispositions${query}`
      await problemOf(await world.call('youku', 'GET', path), 400, 'invalid-request')
    },
  )

  test.each(['?cursor=2026', '?cursor=x', '?limit=0'])('GET …/periods%s is refused', async query => {
    await problemOf(await world.call('alibaba', 'GET', `/v1/programmes/88vip/periods${query}`), 400, 'invalid-request')
  })

  test.each(['', '?account=', `?account=${'x'.repeat(256)}`, '?account=a&account=b'])(
    'GET /v1/links%s is refused',
    async query => {
      const { errors } = await problemOf(await world.call('youku', 'GET', `/v1/links${query}`), 400, 'invalid-request')
      expect(errors?.map(({ pointer }) => pointer)).toEqual(['/account'])
    },
  )

  test('pages of dispositions lead to the end and have every line once, in order', async () => {
    const events = Array.from({ length: 23 }, (_, index) => ({ ...seeded.event, id: `page-${index}` }))
    const { id } = await bodyOf<{ id: string }>(await world.call('youku', 'POST', '/v1/usage-batches', { events }), 202)
    for (const limit of [1, 5, 23, 24]) {
      const items = await everyPage('youku', `/v1/usage-batches/${id}/dispositions`, limit)
      expect(items.map(({ line }) => line)).toEqual(Array.from({ length: 23 }, (_, index) => index + 1))
    }
  })
})

describe('documents that are PUT', () => {
  const applied: [string, () => Promise<Record<string, unknown>>][] = [
    ['/v1/programmes/88vip', async () => ({ ...(await current('/v1/programmes/88vip')), name: { en: 'Renamed' } })],
    ['/v1/contracts/youku-2026', async () => ({ ...(await current('/v1/contracts/youku-2026')), lateDays: 61 })],
    ['/v1/partners/youku', async () => ({ ...partnerDocument('youku'), name: 'Renamed' })],
  ]
  const current = async (path: string) => {
    const {
      version: _version,
      appliedAt: _at,
      ...document
    } = await bodyOf<Record<string, unknown>>(await world.call('alibaba', 'GET', path))
    return document
  }

  test.each(applied)('%s: the ETag is the version, and If-Match holds one to it', async (path, changed) => {
    const before = await world.call('alibaba', 'GET', path)
    const etag = before.headers.get('etag') ?? ''
    const { version } = await bodyOf<{ version: number }>(before)
    expect(etag).toBe(`"${version}"`)
    const document = await changed()

    for (const wrong of ['"0"', `"${version + 1}"`, '"x"', `W/${etag}`, 'x'])
      await problemOf(
        await world.call('alibaba', 'PUT', path, document, { 'if-match': wrong }),
        412,
        'version-mismatch',
      )
    expect((await world.call('alibaba', 'GET', path)).headers.get('etag')).toBe(etag)

    const after = await world.call('alibaba', 'PUT', path, document, { 'if-match': etag })
    expect([after.status, after.headers.get('etag')]).toEqual([200, `"${version + 1}"`])
    await problemOf(await world.call('alibaba', 'PUT', path, document, { 'if-match': etag }), 412, 'version-mismatch')
  })

  test.each(applied)('%s: the id in the document must be that of the path', async (path, changed) => {
    const document = await changed()
    const elsewhere = path.replace(/[^/]+$/, 'elsewhere')
    const { errors } = await problemOf(await world.call('alibaba', 'PUT', elsewhere, document), 400, 'invalid-request')
    expect(errors).toEqual([{ pointer: '/id', detail: expect.any(String) }])
    expect((await world.call('alibaba', 'GET', elsewhere)).status).toBe(404)
  })

  test('a partner’s secret is taken and never shown', async () => {
    const document = { ...partnerDocument('shy'), clientSecret: 'never-shown-secret' }
    world.confidential.add(document.clientSecret)
    for (const answer of [
      await world.call('alibaba', 'PUT', '/v1/partners/shy', document),
      await world.call('alibaba', 'GET', '/v1/partners/shy'),
    ]) {
      const text = await answer.text()
      expect(answer.status).toBe(200)
      expect(text).not.toMatch(/never-shown|sealed|operator|clientSecret/)
    }
  })
})

describe('JWKS', () => {
  test('may be cached, and is not sent again to who holds it', async () => {
    const path = '/.well-known/jwks.json'
    const answer = await world.call(undefined, 'GET', path)
    const etag = answer.headers.get('etag') ?? ''
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(etag).toMatch(/^"[^"]+"$/)
    const { keys } = await bodyOf<{ keys: Record<string, unknown>[] }>(answer)
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
    for (const key of keys)
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'purpose', 'use', 'x', 'y'])

    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await world.call(undefined, 'GET', path, undefined, { 'if-none-match': held })
      expect([held, again.status, await again.text(), again.headers.get('etag')]).toEqual([held, 304, '', etag])
    }
    const other = await world.call(undefined, 'GET', path, undefined, { 'if-none-match': '"other"' })
    expect(other.status).toBe(200)
  })
})

describe('Idempotency-Key', () => {
  const key = { 'idempotency-key': 'retry-1' }

  test('the same key and body get the first answer again', async () => {
    const first = await world.call('alibaba', 'POST', membershipPath, sale('idem'), key)
    const sold = await bodyOf<MembershipView>(first, 201)
    await world.call('alibaba', 'POST', `${membershipPath}/${sold.id}/cancel`, {})
    const again = await world.call('alibaba', 'POST', membershipPath, sale('idem'), key)
    expect(again.headers.get('content-type')).toContain('application/json')
    expect(await bodyOf<MembershipView>(again, 201)).toEqual(sold)
  })

  test('the same key with another body is refused, and nothing is sold', async () => {
    const answer = await world.call('alibaba', 'POST', membershipPath, sale('idem-other'), key)
    await problemOf(answer, 422, 'idempotency-key-reused')
    await bodyOf(await world.call('alibaba', 'POST', membershipPath, sale('idem-other')), 201)
  })

  test('a refusal may be mended under the same key', async () => {
    const mend = { 'idempotency-key': 'mend' }
    const wrong = sale('idem-mend', { paid: { amountMinor: 1, currency: 'CNY' } })
    await problemOf(await world.call('alibaba', 'POST', membershipPath, wrong, mend), 409, 'price-mismatch')
    await problemOf(
      await world.call('alibaba', 'POST', membershipPath, { ...wrong, plan: 1 }, mend),
      400,
      'invalid-request',
    )
    await bodyOf(await world.call('alibaba', 'POST', membershipPath, sale('idem-mend'), mend), 201)
  })

  test('a key of a usage batch: the same bytes give the same receipt, other bytes are refused and not stored', async () => {
    const used = { 'idempotency-key': 'batch-1' }
    const events = [{ ...seeded.event, id: 'keyed-1' }]
    const send = (body: object) => world.call('youku', 'POST', '/v1/usage-batches', body, used)
    const receipt = await bodyOf<{ sequence: number }>(await send({ events }), 202)
    expect(await bodyOf(await send({ events }), 202)).toEqual(receipt)
    await problemOf(await send({ events: [{ ...seeded.event, id: 'keyed-2' }] }), 422, 'idempotency-key-reused')
    const next = await world.call('youku', 'POST', '/v1/usage-batches', {
      events: [{ ...seeded.event, id: 'keyed-3' }],
    })
    expect((await bodyOf<{ sequence: number }>(next, 202)).sequence).toBe(receipt.sequence + 1)
  })

  test('a key is one client’s own', async () => {
    const answer = await world.call('jd', 'POST', membershipPath, sale('idem'), key)
    await problemOf(answer, 403, 'not-yours')
  })

  test.each(['', 'x'.repeat(256)])('a key of %# is refused', async value => {
    const answer = await world.call('alibaba', 'POST', membershipPath, sale('idem'), { 'idempotency-key': value })
    await problemOf(answer, 400, 'invalid-request')
  })
})

// Last, since it moves the clock past the month.
describe('an action without a body', () => {
  test('is one without a reason, but another body than JSON is not overlooked', async () => {
    const { id } = await bodyOf<MembershipView>(
      await world.call('alibaba', 'POST', membershipPath, sale('bodiless')),
      201,
    )
    const suspended = await world.call('alibaba', 'POST', `${membershipPath}/${id}/suspend`)
    expect((await bodyOf<MembershipView>(suspended)).state).toBe('suspended')
    const path = '/v1/programmes/88vip/periods/2026-10/close'
    await problemOf(await world.call('alibaba', 'POST', path, { force: true }), 400, 'invalid-request')
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const refused = await world.call('alibaba', 'POST', `${membershipPath}/${id}/refund`, 'reason=x', form)
    expect(refused.status).toBe(415)
    expect((await bodyOf<MembershipView>(await world.call('alibaba', 'GET', `${membershipPath}/${id}`))).state).toBe(
      'suspended',
    )
  })
})

describe('lists after a close', () => {
  test('pages of statements and periods lead to the end and have everything once, in order', async () => {
    await closeOctober(world)
    const statements = await everyPage('alibaba', '/v1/statements', 100)
    expect(statements.length).toBeGreaterThan(1)
    const periods = ['2026-10', '2026-11', '2026-12', '2027-01']
    world.clock.moveTo('2027-01-15T00:00:00Z' as Instant)
    for (const limit of [1, 2, 3, 4]) {
      expect(await everyPage('alibaba', '/v1/statements', limit)).toEqual(statements)
      const listed = await everyPage('alibaba', '/v1/programmes/88vip/periods', limit)
      expect(listed.map(({ period }) => period)).toEqual(periods)
    }
  })
})
