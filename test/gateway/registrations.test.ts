import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changed, refusalOf } from '../support/answers.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, sale, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

describe('a partner with a fault is refused whole', () => {
  const document = {
    id: 'fresh',
    name: 'Fresh',
    category: 'video',
    issuer: 'https://fresh.example',
    clientId: 'tessera',
  }
  test.each([
    ['/issuer', 'nowhere'],
    ['/issuer', ''],
    ['/eventsEndpoint', 'x'],
    ['/issuer', 'http://fresh.example'],
    ['/issuer', 'https://user@fresh.example'],
    ['/issuer', 'javascript:alert(1)'],
    ['/issuer', 'file:///etc/passwd'],
    ['/tokenTtlSeconds', 59],
    ['/tokenTtlSeconds', 3601],
    ['/tokenTtlSeconds', '900'],
    ['/relinkCooldown', 'soon'],
    ['/eventsEndpoint', 'ftp://fresh.example'],
    ['/clientId', ''],
    ['/id', 'Fresh'],
  ])('%s: %s', async (pointer, value) => {
    expect(
      await refusalOf(await world.call('alibaba', 'PUT', '/v1/partners/fresh', changed(document, pointer, value))),
    ).toEqual([400, 'invalid-request', [pointer]])
    expect((await world.call('alibaba', 'GET', '/v1/partners/fresh')).status).toBe(404)
  })
})

describe('a sale with a fault sells nothing', () => {
  const good = sale('faulty')
  test.each<[string, unknown, number, string, string[]]>([
    ['/programme', 'nothing', 404, 'programme-not-found', []],
    ['/plan', 'nothing', 409, 'plan-not-found', []],
    ['/paid/amountMinor', 88_799, 409, 'price-mismatch', []],
    ['/paid/currency', 'USD', 409, 'price-mismatch', []],
    ['/paid/amountMinor', '88800', 400, 'invalid-request', ['/paid/amountMinor']],
    ['/member/subject', '', 400, 'invalid-request', ['/member/subject']],
    ['/member/issuer', 'nowhere', 400, 'invalid-request', ['/member/issuer']],
    ['/member/attributes', { naughtyScore: [1] }, 400, 'invalid-request', ['/member/attributes/naughtyScore']],
    ['/startsAt', '2026-10-01', 400, 'invalid-request', ['/startsAt']],
    ['/startsAt', '2026-10-01T00:00:00+08:00', 400, 'invalid-request', ['/startsAt']],
    ['/externalId', 'a b', 400, 'invalid-request', ['/externalId']],
    ['/externalId', undefined, 400, 'invalid-request', ['/externalId']],
  ])('%s: %j', async (pointer, value, status, code, pointers) => {
    const answer = await world.call('alibaba', 'POST', '/v1/memberships', changed(good, pointer, value))
    expect(await refusalOf(answer)).toEqual([status, code, pointers])
  })

  test('after which the same sale without its fault is a first one', async () => {
    await bodyOf(await world.call('alibaba', 'POST', '/v1/memberships', good), 201)
  })

  test('a second sale under one id, or of one programme to one member, is refused', async () => {
    const again = (more: object) => world.call('alibaba', 'POST', '/v1/memberships', { ...good, ...more })
    await bodyOf(await again({}), 201)
    const reused = { member: { ...good.member, subject: 'somebody' } }
    expect(await refusalOf(await again(reused))).toEqual([409, 'external-id-reused', []])
    expect(await refusalOf(await again({ externalId: 'another' }))).toEqual([409, 'membership-exists', []])
  })
})
