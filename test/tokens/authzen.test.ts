import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { eachLine } from '../../functions/usage/read.ts'
import type { AccessDecision } from '../../schemas/authzen.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { EntitlementTokenAnswer } from '../../schemas/token.ts'
import { problemOf, refusalOf } from '../support/answers.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, issuer, leaksOf, sale, seedTerms } from '../support/gateway.ts'

const one = '/access/v1/evaluation'
const several = '/access/v1/evaluations'
const json = { 'content-type': 'application/json' }

/** How often each method of the table was called. */
const calls = new Map<string, number>()
const counted = (table: Table): Table =>
  new Proxy(table, {
    get(target, name: keyof Table) {
      calls.set(name, (calls.get(name) ?? 0) + 1)
      return target[name]
    },
  })
async function callsOf(run: () => Promise<unknown>): Promise<Record<string, number>> {
  // What is held for some seconds is read now, and not in between.
  world.clock.moveTo(instantOf(Date.parse(world.clock.now()) + 60_000))
  await run()
  calls.clear()
  await run()
  return Object.fromEntries(calls)
}

let world: GatewayWorld
const ids: Record<string, string> = {}
const unknownLink = 'lnk_00000000000000000000000000'

/** A new person with the programme, linked at a partner. */
async function linked(subject: string, partner: string) {
  const sold = await bodyOf<MembershipView>(await world.call('alibaba', 'POST', '/v1/memberships', sale(subject)), 201)
  const request = { member: sold.member.id, programme: '88vip', partner }
  const link = await completeLink(world.services, { ...request, account: `${subject}-account` })
  for (const secret of [subject, `${subject}-account`, link.subject]) world.confidential.add(secret)
  return { membership: sold.id, link, request }
}

beforeAll(async () => {
  // Time stands still, so that what is asked twice is asked at the same moment.
  vi.useFakeTimers({ toFake: ['Date'] })
  world = await gatewayWorld({ table: counted })
  await seedTerms(world)
  const viewer = await linked('viewer', 'youku')
  const eater = await linked('eater', 'eleme')
  const paused = await linked('paused', 'youku')
  const gone = await linked('gone', 'youku')
  await bodyOf(await world.call('alibaba', 'POST', `/v1/memberships/${paused.membership}/suspend`, {}))
  await unlink(world.services, { ...gone.request, reason: 'member' })
  const full = await linked('full', 'eleme')
  const [entitlement] = full.link.entitlements
  const event = {
    id: 'all-of-it',
    entitlementId: entitlement?.id,
    benefit: 'eleme-5off',
    subject: full.link.subject,
    occurredAt: world.clock.now(),
    quantity: 4,
  }
  await bodyOf(await world.call('eleme', 'POST', '/v1/usage-batches', { events: [event] }), 202)
  await noteUses(world.services, 'eleme', await Array.fromAsync(eachLine(world.services, { partner: 'eleme' })))
  Object.assign(ids, {
    viewer: viewer.link.id,
    eater: eater.link.id,
    paused: paused.link.id,
    gone: gone.link.id,
    full: full.link.id,
  })
})

afterAll(() => {
  vi.useRealTimers()
  expect(leaksOf(world)).toEqual([])
})

const asking = (link: string, benefit: string, change: object = {}) => ({
  subject: { type: 'link', id: link },
  action: { name: 'use' },
  resource: { type: 'benefit', id: benefit },
  ...change,
})
const decide = async (client: string, body: object) =>
  bodyOf<AccessDecision>(await world.call(client, 'POST', one, body))
const decideAll = async (client: string, body: object) => {
  const answer = await bodyOf<{ evaluations: AccessDecision[] }>(await world.call(client, 'POST', several, body))
  expect(Object.keys(answer)).toEqual(['evaluations'])
  return answer.evaluations
}
const denied = (reason: string) => ({ decision: false, context: { reason } })
const verdicts = (decisions: AccessDecision[]) => decisions.map(({ decision }) => decision)

describe('one evaluation', () => {
  test('a permit tells the entitlement as a token would, and until when', async () => {
    const answer = await decide('youku', asking(ids['viewer'] ?? '', 'youku-vip'))
    const token = await world.call('youku', 'POST', '/v1/entitlement-tokens', { linkId: ids['viewer'] })
    const { entitlements, expiresAt, token: secret } = await bodyOf<EntitlementTokenAnswer>(token)
    world.confidential.add(secret)
    expect(answer).toEqual({ decision: true, context: { entitlement: entitlements[0], expiresAt } })
    expect(answer).toMatchObject({ context: { entitlement: { bid: 'youku-vip', st: 'active', lim: { streams: 2 } } } })
  })

  test('a permit of an allowance tells what remains', async () => {
    const answer = await decide('eleme', asking(ids['eater'] ?? '', 'eleme-5off'))
    expect(answer).toMatchObject({ decision: true, context: { entitlement: { bid: 'eleme-5off', rem: 4 } } })
  })

  test.each<[string, string, () => object]>([
    ['link-not-found', 'youku', () => asking(unknownLink, 'youku-vip')],
    ['link-not-found', 'eleme', () => asking(ids['viewer'] ?? '', 'youku-vip')],
    ['link-not-found', 'youku', () => asking('not-even-an-id', 'youku-vip')],
    ['link-not-found', 'youku', () => asking('', '')],
    ['nothing-entitled', 'youku', () => asking(ids['paused'] ?? '', 'youku-vip')],
    ['nothing-entitled', 'youku', () => asking(ids['gone'] ?? '', 'youku-vip')],
    ['not-entitled', 'youku', () => asking(ids['viewer'] ?? '', 'xiami-vip')],
    ['not-entitled', 'youku', () => asking(ids['viewer'] ?? '', '__proto__')],
    ['quota-exhausted', 'eleme', () => asking(ids['full'] ?? '', 'eleme-5off')],
    ['unsupported-subject', 'youku', () => asking('', '', { subject: { type: 'user', id: ids['viewer'] } })],
    ['unsupported-action', 'youku', () => asking(ids['viewer'] ?? '', 'youku-vip', { action: { name: 'Use' } })],
    [
      'unsupported-resource',
      'youku',
      () => asking(ids['viewer'] ?? '', '', { resource: { type: 'film', id: 'youku-vip' } }),
    ],
  ])('a denial: %s, for %s', async (reason, client, body) => {
    expect(await decide(client, body())).toEqual(denied(reason))
  })

  test('another partner’s link is not told from one that never was, by a byte or a header', async () => {
    const texts = await Promise.all(
      [ids['viewer'] ?? '', unknownLink].map(async link => {
        const answer = await world.call('eleme', 'POST', one, asking(link, 'eleme-5off'), { 'x-request-id': 'same' })
        return [answer.status, Object.fromEntries(answer.headers), await answer.text()]
      }),
    )
    expect(texts[0]).toEqual(texts[1])
  })

  test('what the standard lets a caller add is taken, ignored and never given back', async () => {
    const said = { 'word-of-the-caller': [{ deep: 'word-of-the-caller' }], '\ud800': '\ud800', __proto__: null }
    const answer = await world.call('youku', 'POST', one, {
      ...asking(ids['viewer'] ?? '', 'youku-vip'),
      subject: { type: 'link', id: ids['viewer'], properties: said, more: said },
      action: { name: 'use', properties: said, more: said },
      resource: { type: 'benefit', id: 'youku-vip', properties: said, more: said },
      context: said,
      more: said,
    })
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ decision: true })
    expect(text).not.toContain('word-of-the-caller')
  })

  test('asks the table what a token asks it, and writes nothing', async () => {
    const body = asking(ids['viewer'] ?? '', 'youku-vip')
    const evaluating = await callsOf(() => decide('youku', body))
    const minting = await callsOf(async () => {
      const token = await world.call('youku', 'POST', '/v1/entitlement-tokens', { linkId: ids['viewer'] })
      world.confidential.add((await bodyOf<EntitlementTokenAnswer>(token)).token)
    })
    expect(evaluating).toEqual(minting)
    expect(Object.values(evaluating)).toEqual([1])
    expect(Object.keys(evaluating)[0]).not.toMatch(/write|commit|put|increase|remove|delete/i)
  })
})

describe('malformed requests', () => {
  const good = () => asking(ids['viewer'] ?? '', 'youku-vip')
  /** Text takes a place in the JSON that no object of this depth could be written to. */
  const tower = (levels: number) => `tower ${levels}`
  const built = (text: string) =>
    text.replaceAll(/"tower (\d+)"/g, (_, levels) => '{"a":'.repeat(Number(levels)) + 1 + '}'.repeat(Number(levels)))
  const cases: [string, () => unknown, string[]][] = [
    ['nothing at all', () => ({}), ['/subject', '/action', '/resource']],
    ['no subject', () => ({ ...good(), subject: undefined }), ['/subject']],
    ['no action', () => ({ ...good(), action: undefined }), ['/action']],
    ['no resource', () => ({ ...good(), resource: undefined }), ['/resource']],
    ['a subject without type', () => ({ ...good(), subject: { id: 'x' } }), ['/subject/type']],
    ['a subject without id', () => ({ ...good(), subject: { type: 'link' } }), ['/subject/id']],
    ['an action without name', () => ({ ...good(), action: {} }), ['/action/name']],
    ['a resource without type', () => ({ ...good(), resource: { id: 'x' } }), ['/resource/type']],
    ['a resource without id', () => ({ ...good(), resource: { type: 'benefit' } }), ['/resource/id']],
    ['a subject that is a string', () => ({ ...good(), subject: 'alice' }), ['/subject']],
    ['a subject that is a list', () => ({ ...good(), subject: [] }), ['/subject']],
    ['a name that is a number', () => ({ ...good(), action: { name: 123 } }), ['/action/name']],
    ['null for the context', () => ({ ...good(), context: null }), ['/context']],
    ['a context that is a list', () => ({ ...good(), context: [] }), ['/context']],
    [
      'properties that are a string',
      () => ({ ...good(), action: { name: 'use', properties: 'x' } }),
      ['/action/properties'],
    ],
    ['a long id', () => asking('x'.repeat(257), 'youku-vip'), ['/subject/id']],
    ['half a character', () => asking(ids['viewer'] ?? '', 'x\ud800'), ['/resource/id']],
    ['33 levels of context', () => ({ ...good(), context: tower(33) }), ['/context']],
    ['9000 levels of context', () => ({ ...good(), context: tower(9000) }), ['/context']],
  ]

  test.each(cases)('%s is 400 at both endpoints, and no decision', async (_name, body, pointers) => {
    const text = built(JSON.stringify(body()))
    for (const path of [one, several]) {
      const answer = await world.call('youku', 'POST', path, text, json)
      expect(Object.keys((await answer.clone().json()) as object)).not.toContain('decision')
      expect(await refusalOf(answer)).toEqual([400, 'invalid-request', pointers])
    }
  })

  test('what is just not too much is taken', async () => {
    expect(await decide('youku', asking('x'.repeat(256), 'x'))).toEqual(denied('link-not-found'))
    const answer = await world.call(
      'youku',
      'POST',
      one,
      built(JSON.stringify({ ...good(), context: tower(32) })),
      json,
    )
    expect(await bodyOf(answer)).toMatchObject({ decision: true })
  })

  test.each<[string, object, string]>([
    ['entries that are no list', { evaluations: {} }, '/evaluations'],
    ['null for the entries', { evaluations: null }, '/evaluations'],
    ['an entry that is no object', { evaluations: [{}, 7] }, '/evaluations/1'],
    ['101 entries', { evaluations: Array.from({ length: 101 }, () => ({})) }, '/evaluations'],
    ['options that are no object', { evaluations: [{}], options: 'execute_all' }, '/options'],
    [
      'a semantic of no standard',
      { evaluations: [{}], options: { evaluations_semantic: 'any' } },
      '/options/evaluations_semantic',
    ],
  ])('a batch with %s is 400 as a whole', async (_name, change, pointer) => {
    const answer = await world.call('youku', 'POST', several, { ...good(), ...change })
    expect(await refusalOf(answer)).toEqual([400, 'invalid-request', [pointer]])
  })

  test('the limit of a batch is told', async () => {
    const answer = await world.call('youku', 'POST', several, { evaluations: Array.from({ length: 101 }, good) })
    const { errors } = await problemOf(answer, 400, 'invalid-request')
    expect(errors).toEqual([{ pointer: '/evaluations', detail: 'at most 100 evaluations in one request' }])
  })

  test('a megabyte of properties is too large', async () => {
    const body = { ...good(), context: { x: 'x'.repeat(1_000_000) } }
    await problemOf(await world.call('youku', 'POST', one, body), 413, 'body-too-large')
  })

  test('a brand that is no partner is refused, not denied', async () => {
    for (const path of [one, several]) {
      const answer = await world.call('jd', 'POST', path, good())
      expect(Object.keys(await problemOf(answer, 403, 'not-yours'))).not.toContain('decision')
    }
  })
})

describe('several evaluations', () => {
  const permit = () => asking(ids['viewer'] ?? '', 'youku-vip')
  const deny = () => asking(ids['viewer'] ?? '', 'xiami-vip')
  const broken = { subject: { type: 'link' } }
  const under = (semantic: string | undefined, evaluations: object[], more: object = {}) =>
    decideAll('youku', {
      evaluations,
      ...(semantic !== undefined && { options: { evaluations_semantic: semantic, another: 1 } }),
      ...more,
    })

  test.each([undefined, 'execute_all'])('%s: all are answered, in order', async semantic => {
    const decisions = await under(semantic, [permit(), deny(), permit(), asking(unknownLink, 'x'), permit()])
    expect(verdicts(decisions)).toEqual([true, false, true, false, true])
    expect(decisions[1]).toEqual(denied('not-entitled'))
    expect(decisions[3]).toEqual(denied('link-not-found'))
  })

  test('deny_on_first_deny ends with the first denial, or answers all', async () => {
    const semantic = 'deny_on_first_deny'
    expect(await under(semantic, [permit(), deny(), permit(), asking(unknownLink, 'x')])).toEqual([
      expect.objectContaining({ decision: true }),
      denied('not-entitled'),
    ])
    expect(verdicts(await under(semantic, [permit(), permit()]))).toEqual([true, true])
    expect(verdicts(await under(semantic, [deny(), permit()]))).toEqual([false])
    expect(verdicts(await under(semantic, [permit(), {}, permit()]))).toEqual([true, false])
  })

  test('permit_on_first_permit ends with the first permit, or answers all', async () => {
    const semantic = 'permit_on_first_permit'
    expect(await under(semantic, [deny(), {}, permit(), deny(), permit()])).toEqual([
      denied('not-entitled'),
      expect.objectContaining({ decision: false, context: { error: expect.anything() } }),
      expect.objectContaining({ decision: true }),
    ])
    expect(verdicts(await under(semantic, [deny(), deny()]))).toEqual([false, false])
    expect(verdicts(await under(semantic, [permit(), deny()]))).toEqual([true])
  })

  test('a semantic stops at the right place of a long batch too', async () => {
    const long = Array.from({ length: 100 }, (_, place) => (place === 57 ? deny() : permit()))
    expect(verdicts(await under('deny_on_first_deny', long))).toEqual([
      ...Array.from({ length: 57 }, () => true),
      false,
    ])
    expect(verdicts(await under('execute_all', long))).toEqual(long.map((_, place) => place !== 57))
  })

  test('what stands at the top is the default; what an entry has replaces it whole', async () => {
    const { subject, action, resource } = permit()
    const decisions = await under(
      undefined,
      [
        {},
        { resource: { type: 'benefit', id: 'xiami-vip' } },
        { subject: { type: 'link', id: unknownLink } },
        { action: { name: 'share' }, context: { ignored: true } },
        { resource: { id: 'youku-vip' } },
        { subject: null },
        { context: 'none' },
      ],
      { subject, action, resource, context: { time: 'now' } },
    )
    expect(decisions).toEqual([
      expect.objectContaining({ decision: true }),
      denied('not-entitled'),
      denied('link-not-found'),
      denied('unsupported-action'),
      {
        decision: false,
        context: { error: { status: 400, message: expect.stringMatching(/^\/resource\/type: [^;]+$/) } },
      },
      { decision: false, context: { error: { status: 400, message: expect.stringMatching(/^\/subject: [^;]+$/) } } },
      { decision: false, context: { error: { status: 400, message: expect.stringMatching(/^\/context: [^;]+$/) } } },
    ])
  })

  test('a default that is broken harms only who needs it', async () => {
    const { action, resource } = permit()
    const decisions = await under(undefined, [permit(), {}, { subject: { type: 'link', id: ids['viewer'] } }], {
      ...broken,
      action,
      resource,
    })
    expect(verdicts(decisions)).toEqual([true, false, true])
  })

  test('a malformed entry is told what is wrong, in words that are none of its own', async () => {
    const [first] = await under(undefined, [
      { subject: { type: 'word-of-the-caller', id: 7 }, 'word-of-the-caller': { 'word-of-the-caller': 1 } },
    ])
    const text = JSON.stringify(first)
    expect(text).not.toContain('word-of-the-caller')
    for (const pointer of ['/subject/id', '/action', '/resource']) expect(text).toContain(`${pointer}: `)
  })

  test('an entry as deep as a well is one malformed entry', async () => {
    const deep = `${'['.repeat(9000)}${']'.repeat(9000)}`
    const entries = [permit(), { ...permit(), context: { a: 'deep' } }, { ...permit(), more: 'deep' }, permit()]
    const text = JSON.stringify({ evaluations: entries }).replaceAll('"deep"', deep)
    const answer = await world.call('youku', 'POST', several, text, json)
    const { evaluations } = await bodyOf<{ evaluations: AccessDecision[] }>(answer)
    expect(verdicts(evaluations)).toEqual([true, false, true, true])
    expect(evaluations[1]).toMatchObject({
      context: { error: { status: 400, message: '/context: at most 32 levels' } },
    })
  })

  test.each([{}, { evaluations: [] }])('with %j it is one evaluation', async none => {
    for (const body of [permit(), deny()]) {
      const answer = await world.call('youku', 'POST', several, { ...body, ...none })
      expect(await bodyOf(answer)).toEqual(await decide('youku', body))
    }
  })

  test('reads each link once and writes nothing', async () => {
    const batch = (links: string[]) =>
      callsOf(() =>
        under(
          undefined,
          Array.from({ length: 100 }, (_, place) => asking(links[place % links.length] ?? '', 'youku-vip')),
        ),
      )
    expect(Object.values(await batch([ids['viewer'] ?? '']))).toEqual([1])
    const mixed = [ids['viewer'] ?? '', ids['paused'] ?? '', unknownLink, 'no-id']
    expect(Object.values(await batch(mixed))).toEqual([3])
  })
})

describe('the caller’s request id', () => {
  const ask = (id: string, body: unknown, client: string | undefined = 'youku', path = one) =>
    world.call(client, 'POST', path, body, { 'x-request-id': id })

  test('comes back with a decision, while the log keeps ours', async () => {
    const id = 'bfe9eb29-ab87-4ca3-be83-a1d5d8305716'
    const before = world.lines.length
    for (const path of [one, several]) {
      const answer = await ask(id, asking(ids['viewer'] ?? '', 'youku-vip'), 'youku', path)
      expect(answer.headers.get('x-request-id')).toBe(id)
    }
    const lines = world.lines.slice(before)
    expect(lines.join()).not.toContain(id)
    expect(lines.map(line => (JSON.parse(line) as { requestId: string }).requestId)).toEqual([
      expect.stringMatching(/^req_/),
      expect.stringMatching(/^req_/),
    ])
  })

  test('comes back with a refusal, whose instance is ours', async () => {
    const refusals: [Response, number, string][] = [
      [await ask('theirs-1', {}), 400, 'invalid-request'],
      [await ask('theirs-1', asking('', ''), 'alibaba'), 403, 'insufficient-scope'],
      [await world.call(undefined, 'POST', one, {}, { 'x-request-id': 'theirs-1' }), 401, 'unauthenticated'],
      [
        await world.call(undefined, 'POST', one, {}, { 'x-request-id': 'theirs-1', authorization: 'Bearer x' }),
        401,
        'unauthenticated',
      ],
    ]
    for (const [answer, status, code] of refusals) {
      expect(answer.headers.get('x-request-id')).toBe('theirs-1')
      expect((await problemOf(answer, status, code)).instance).toMatch(/^req_[0-9A-Z]{26}$/)
    }
  })

  test.each(['x'.repeat(129), 'two words', 'é', '', '\t'])('is ours where theirs is odd: %j', async id => {
    const answer = await ask(id, asking(ids['viewer'] ?? '', 'youku-vip'))
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9A-Z]{26}$/)
  })

  test('is ours on every other route', async () => {
    const answer = await world.call(undefined, 'GET', '/health', undefined, { 'x-request-id': 'theirs' })
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9A-Z]{26}$/)
  })
})

describe('what is published', () => {
  test('metadata names the two endpoints and no search', async () => {
    const answer = await world.call(undefined, 'GET', '/.well-known/authzen-configuration')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=3600')
    expect(await bodyOf(answer)).toEqual({
      policy_decision_point: issuer,
      access_evaluation_endpoint: `${issuer}${one}`,
      access_evaluations_endpoint: `${issuer}${several}`,
    })
  })

  test('a decision is not to be kept', async () => {
    const answer = await world.call('youku', 'POST', one, asking(unknownLink, 'x'))
    expect(answer.headers.get('cache-control')).toContain('no-store')
  })

  test('the OpenAPI document lists them', async () => {
    const document = await bodyOf<{ paths: Record<string, Record<string, unknown>>; components: { schemas: object } }>(
      await world.call(undefined, 'GET', '/openapi.json'),
    )
    for (const path of [one, several])
      expect(document.paths[path]).toMatchObject({ post: { security: [{ oauth: ['entitlements:read'] }] } })
    expect(document.paths['/.well-known/authzen-configuration']).toHaveProperty('get')
    expect(document.components.schemas).toMatchObject({
      AccessEvaluationRequest: { required: ['subject', 'action', 'resource'] },
      AccessSubject: { required: ['type', 'id'] },
      AccessEvaluationsRequest: { properties: { evaluations: { maxItems: 100 } } },
    })
  })
})
