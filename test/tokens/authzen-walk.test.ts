import { decodeJwt } from 'jose'
import { expect, onTestFinished, test, vi } from 'vitest'
import { choose } from '../../functions/entitlements/choose.ts'
import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { programme } from '../../functions/local/demo.ts'
import { fireDueTimers } from '../../functions/memberships/fire-timers.ts'
import { eachLine } from '../../functions/usage/read.ts'
import type { AccessDecision } from '../../schemas/authzen.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type EntitlementTokenAnswer, EntitlementTokenClaims, type TokenEntitlement } from '../../schemas/token.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, sale, seedTerms } from '../support/gateway.ts'

/** Whole numbers below a bound, the same ones at every run (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const benefit = (id: string, more: object = {}) => ({
  id,
  partner: 'youku',
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: id },
  ...more,
})
/** Everything that makes an entitlement come and go, mostly at one partner. */
const walked = {
  ...programme,
  id: 'walked',
  plans: programme.plans.map(plan => ({ ...plan, term: 'P1M', trial: undefined, grace: 'P3D' })),
  choiceGroups: [{ id: 'screen', choose: 1, changeEvery: 'P1D' }],
  benefits: [
    benefit('films', { choiceGroup: 'screen', limits: { streams: 2 } }),
    benefit('sports', { choiceGroup: 'screen' }),
    benefit('rentals', { kind: 'allowance', quota: { per: 'P1D', limit: 2 } }),
    benefit('downloads', { kind: 'allowance', quota: { per: 'P1M', limit: 6, rollover: true } }),
    benefit('children'),
    benefit('elsewhere', { partner: 'eleme', category: 'food' }),
  ],
}
const benefits = walked.benefits.map(({ id }) => id)
const group = 'screen'

type Person = { membership: string; member: MembershipView['member']['id']; link: string; subject: string }

/** What may happen to one person's membership and link; a person who is at the end is followed by a new one. */
async function walk(world: GatewayWorld, random: (below: number) => number) {
  const { services, clock, call } = world
  let people = 0
  let uses = 0
  let now = Date.parse(clock.now())
  const move = (hours: number) => {
    now += hours * 3_600_000
    clock.moveTo(new Date(now).toISOString() as Instant)
  }
  const nobody = async (): Promise<Person> => {
    people += 1
    const subject = `walker-${people}`
    const sold = sale(subject, { programme: walked.id })
    const { id: membership, member } = await bodyOf<MembershipView>(
      await call('alibaba', 'POST', '/v1/memberships', sold),
      201,
    )
    const account = `${subject}-account`
    const request = { member: member.id, programme: walked.id, partner: 'youku', account }
    const link = await completeLink(services, request)
    for (const secret of [subject, account, link.subject]) world.confidential.add(secret)
    return { membership, member: member.id, link: link.id, subject: link.subject }
  }
  const state = { person: await nobody() }
  const act = (verb: string) => call('alibaba', 'POST', `/v1/memberships/${state.person.membership}/${verb}`, {})
  /** What a state does not allow is no step: the walk goes on. */
  const tried = (step: Promise<unknown>) =>
    step.catch(error => {
      if (!(error instanceof Refusal)) throw error
    })
  const use = async (live: TokenEntitlement[]) => {
    const metered = live.filter(({ rem }) => rem !== undefined)
    const [entitlement] = metered.slice(random(metered.length || 1))
    if (!entitlement) return
    uses += 1
    const event = {
      id: `use-${uses}`,
      entitlementId: entitlement.id,
      benefit: entitlement.bid,
      subject: state.person.subject,
      occurredAt: clock.now(),
      quantity: random(2) === 0 ? 1 : Math.max(1, entitlement.rem ?? 1),
    }
    const batch = await call('youku', 'POST', '/v1/usage-batches', { events: [event] })
    const { sequence } = await bodyOf<BatchReceipt>(batch, 202)
    const lines = eachLine(services, { partner: 'youku', from: sequence, upTo: sequence })
    await noteUses(services, 'youku', await Array.fromAsync(lines))
  }
  const choice = () => {
    const wanted = ['films', 'sports'].slice(random(2)).slice(0, 1)
    return tried(choose(services, { member: state.person.member, programme: walked.id, group, benefits: wanted }))
  }
  const steps: ((live: TokenEntitlement[]) => Promise<unknown>)[] = [
    use,
    use,
    use,
    use,
    use,
    use,
    choice,
    choice,
    async () => move(1 + random(30)),
    async () => move(24 * (1 + random(12))),
    async () => {
      move(24 * (1 + random(12)))
      await fireDueTimers(services)
    },
    () => act('suspend'),
    () => act('resume'),
    () => act('resume'),
    () => act('renew'),
    () => act(['cancel', 'refund'][random(2)] ?? ''),
    () =>
      tried(
        unlink(services, { member: state.person.member, programme: walked.id, partner: 'youku', reason: 'member' }),
      ),
  ]
  return {
    state,
    step: (live: TokenEntitlement[]) => steps[random(steps.length)]?.(live),
    next: async () => {
      state.person = await nobody()
    },
  }
}

/** The token of a link, or the code of the refusal. */
async function minted({ call, confidential }: GatewayWorld, linkId: string) {
  const answer = await call('youku', 'POST', '/v1/entitlement-tokens', { linkId })
  if (answer.status !== 200) return { refusal: ((await answer.json()) as { code: string }).code, ent: [] }
  const { token, expiresAt } = (await answer.json()) as EntitlementTokenAnswer
  confidential.add(token)
  return { ent: EntitlementTokenClaims.parse(decodeJwt(token)).ent, expiresAt }
}

test('at every turn, each decision is what a token minted at that moment says', async () => {
  // Time moves by the walk's steps only: both are asked at the same moment.
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const world = await gatewayWorld()
  await seedTerms(world)
  await bodyOf(await world.call('alibaba', 'PUT', '/v1/programmes/walked', walked))
  const { state, step, next } = await walk(world, randomOf(99))
  const seen = new Map<string, number>()
  const action = { name: 'use' }
  let barren = 0
  for (let turn = 0; turn < 80; turn++) {
    const { link } = state.person
    const subject = { type: 'link', id: link }
    const token = await minted(world, link)
    const { evaluations } = await bodyOf<{ evaluations: AccessDecision[] }>(
      await world.call('youku', 'POST', '/access/v1/evaluations', {
        subject,
        action,
        evaluations: benefits.map(id => ({ resource: { type: 'benefit', id } })),
      }),
    )
    for (const [place, id] of benefits.entries()) {
      const held = token.ent.find(({ bid }) => bid === id)
      const reason = token.refusal ?? (held ? 'quota-exhausted' : 'not-entitled')
      const expected =
        held && held.rem !== 0
          ? { decision: true, context: { entitlement: held, expiresAt: token.expiresAt } }
          : { decision: false, context: { reason } }
      expect([turn, id, evaluations[place]]).toEqual([turn, id, expected])
      const told = expected.decision ? 'permit' : reason
      seen.set(told, (seen.get(told) ?? 0) + 1)
    }
    const resource = { type: 'benefit', id: benefits[turn % benefits.length] }
    const single = await world.call('youku', 'POST', '/access/v1/evaluation', { subject, action, resource })
    expect(await bodyOf(single)).toEqual(evaluations[turn % benefits.length])
    barren = token.ent.length === 0 ? barren + 1 : 0
    if (barren < 3) await step(token.ent)
    else await next()
  }
  const counts = Object.fromEntries(seen)
  expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(480)
  for (const told of ['permit', 'quota-exhausted', 'not-entitled', 'nothing-entitled'])
    expect([told, (counts[told] ?? 0) >= 15]).toEqual([told, true])
  expect(leaksOf(world)).toEqual([])
}, 120_000)
