import { beforeAll, describe, expect, test } from 'vitest'
import { withoutPeople } from '../../functions/exceptions/view.ts'
import type { UsageException } from '../../schemas/exception.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld, refusalOf } from './world.ts'

const early = { occurredAt: '2026-10-04T04:00:00Z' }
const rejected = { outcome: 'rejected', reason: 'the member had no benefit then' }

let world: ExceptionWorld
beforeAll(async () => {
  world = await exceptionWorld()
})

describe('what a batch makes', () => {
  test('each exceptional line shows to the partner and to the brand, with its evidence', async () => {
    const { report, list } = world
    const batch = await report('youku', [
      { id: 'good' },
      { id: 'early', ...early },
      { id: 'strange', subject: 'somebody' },
      { id: 'unknown', entitlementId: 'ent_0123456789ABCDEFGHJKMNPQRS' },
      { id: 'broken', quantity: -1 },
    ])
    const own = await list('youku')
    expect(own.map(({ reason, count, lines }) => [reason, count, lines[0]?.line, lines[0]?.id])).toEqual([
      ['malformed', 1, 5, undefined],
      ['outside-entitlement', 1, 2, 'early'],
      ['unknown-entitlement', 1, 4, 'unknown'],
      ['wrong-subject', 1, 3, 'strange'],
    ])
    for (const one of own)
      expect(one).toMatchObject({ partner: 'youku', batch: batch.id, sequence: 1, state: 'open', severity: 'low' })
    const [malformed, outside, unknown, strange] = own
    expect(malformed?.evidence.errors).toEqual([expect.objectContaining({ pointer: '/quantity' })])
    expect(malformed?.evidence.text).toContain('"broken"')
    expect(malformed?.programme).toBeUndefined()
    expect(outside).toMatchObject({
      programme: '88vip',
      period: '2026-10',
      deadline: expect.stringMatching(/^2026-11-19T02:00:0/),
    })
    expect(outside?.evidence).toMatchObject({ subjectMatches: true, benefitMatches: true })
    expect(outside?.evidence.entitlement?.windows).toHaveLength(1)
    expect(unknown?.evidence.entitlement).toBeUndefined()
    expect(strange?.evidence).toMatchObject({ subjectMatches: false })
    // Nothing of the member, and nothing of whom the benefit is.
    expect(JSON.stringify(strange)).not.toContain(world.youku.subject)
    expect(JSON.stringify(own)).not.toMatch(/mem_|mbr_|lnk_/)
    expect((await list('alibaba')).map(({ reason }) => reason)).toEqual(['outside-entitlement', 'wrong-subject'])
  })

  test('a conflict names the earlier line', async () => {
    const { report, only } = world
    await report('youku', [{ id: 'good', quantity: 2 }])
    const one = await only('alibaba', '?reason=conflict')
    expect(one.evidence.earlier).toEqual({ sequence: 1, line: 1, differs: true })
  })

  test('over-quota names the limit and the period', async () => {
    const { report, only } = world
    await report(
      'eleme',
      [1, 2, 3, 4, 5].map(number => ({ id: `coupon-${number}` })),
    )
    const one = await only('alibaba', '?reason=over-quota&state=open')
    expect(one.evidence.entitlement?.quota).toMatchObject({ per: 'P1M', limit: 4 })
    expect(one.evidence.quotaPeriod).toBe('2026-10')
  })

  test('the same run again changes nothing', async () => {
    const before = await world.list('youku')
    await world.reconcile('youku')
    expect(await world.list('youku')).toEqual(before)
  })
})

describe('deciding', () => {
  let one: UsageException
  beforeAll(async () => {
    await world.report('youku', [{ id: 'early-2', ...early }])
    one = await world
      .only('alibaba', '?reason=outside-entitlement&state=open&partner=youku&limit=1')
      .catch(async () => {
        const all = await world.list('alibaba', '?reason=outside-entitlement')
        return all.find(({ lines }) => lines[0]?.id === 'early-2') as UsageException
      })
  })

  test('assign, resolve, and the trail of both', async () => {
    const { act, view } = world
    const assigned = await bodyOf<UsageException>(await act('alibaba', one, 'assign', { assignee: 'mei' }))
    expect(assigned).toMatchObject({ state: 'assigned', assignee: 'mei' })
    expect(await bodyOf(await act('alibaba', one, 'assign', { assignee: 'mei' }))).toEqual(assigned)
    const done = await bodyOf<UsageException>(await act('alibaba', one, 'resolve', rejected))
    expect(done.resolution).toMatchObject({ ...rejected, actor: 'alibaba' })
    expect(done.audit.map(({ actor, action, note }) => [actor, action, note])).toEqual([
      ['reconciliation', 'opened', undefined],
      ['alibaba', 'assigned', 'mei'],
      ['alibaba', 'resolved', `rejected: ${rejected.reason}`],
    ])
    // Who of the brand's people works on it is none of the partner's business.
    expect(await view('youku', one)).toEqual(withoutPeople(done))
    expect(JSON.stringify(await view('youku', one))).not.toContain('mei')
  })

  test('a resolved one stays as it is; the same decision again is the one that stands', async () => {
    const { act, view } = world
    const before = await view('alibaba', one)
    expect(await bodyOf(await act('alibaba', one, 'resolve', rejected))).toEqual(before)
    for (const [verb, body] of [
      ['resolve', { ...rejected, reason: 'other' }],
      ['resolve', { outcome: 'accepted', reason: rejected.reason }],
      ['assign', { assignee: 'li' }],
    ] as const)
      expect(await refusalOf(await act('alibaba', one, verb, body))).toEqual([409, 'exception-resolved'])
    expect(await view('alibaba', one)).toEqual(before)
  })

  test('its state moves it from list to list', async () => {
    const ids = async (query: string) => (await world.list('alibaba', query)).map(({ id }) => id)
    expect(await ids('?state=resolved')).toEqual([one.id])
    expect(await ids('?state=open&limit=100')).not.toContain(one.id)
    expect(await ids('?state=resolved&reason=over-quota')).toEqual([])
    expect(await ids('?period=2026-10&state=resolved')).toEqual([one.id])
    expect(await ids('?period=2026-09')).toEqual([])
    expect(await ids('?partner=eleme&reason=outside-entitlement')).toEqual([])
    expect(await ids('?programme=other')).toEqual([])
    expect(await ids('?severity=high')).toEqual([])
  })

  test('paging gives each once, also page by page of one', async () => {
    const all = (await world.list('youku')).map(({ id }) => id)
    const paged: string[] = []
    let next: string | undefined
    do {
      const cursor: string = next === undefined ? '' : `&cursor=${next}`
      const page = await bodyOf<{ items: UsageException[]; next?: string }>(
        await world.call('youku', 'GET', `/v1/exceptions?limit=1${cursor}`),
      )
      paged.push(...page.items.map(({ id }) => id))
      next = page.next
    } while (next !== undefined)
    expect(paged).toEqual(all)
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('disputing', () => {
  const dispute = { reason: 'our clock was an hour ahead' }

  test('a rejection is disputed once, which opens it again for all to see', async () => {
    const { act, list, view } = world
    const [one] = (await list('alibaba', '?state=resolved')) as [UsageException]
    const open = await bodyOf<UsageException>(await act('youku', one, 'dispute', dispute))
    expect(open).toMatchObject({ state: 'open', dispute: { ...dispute, actor: 'youku', reopened: true } })
    expect(open.resolution).toBeUndefined()
    expect(open.audit.map(({ action }) => action).slice(-3)).toEqual(['resolved', 'disputed', 'reopened'])
    expect(await bodyOf(await act('youku', one, 'dispute', dispute))).toEqual(open)
    expect(withoutPeople(await view('alibaba', one))).toEqual(open)
    expect(await refusalOf(await act('youku', one, 'dispute', { reason: 'again' }))).toEqual([409, 'wrong-state'])
    await bodyOf(await act('alibaba', one, 'resolve', rejected))
    expect(await refusalOf(await act('youku', one, 'dispute', { reason: 'again' }))).toEqual([
      409,
      'exception-resolved',
    ])
  })

  test('until the deadline, by the business clock', async () => {
    const { act, list, moveTo } = world
    const [first, second] = (await list('youku', '?state=open&reason=wrong-subject')).concat(
      await list('youku', '?state=open&reason=conflict'),
    ) as [UsageException, UsageException]
    moveTo('2026-11-19T01:00:00Z')
    expect(await bodyOf(await act('youku', first, 'dispute', dispute))).toMatchObject({ state: 'open' })
    expect((await world.view('youku', second)).severity).toBe('medium')
    moveTo('2026-11-20T00:00:00Z')
    expect(await refusalOf(await act('youku', second, 'dispute', dispute))).toEqual([409, 'dispute-too-late'])
    expect((await world.view('youku', second)).severity).toBe('high')
    // A rejection opens another thirty days.
    await bodyOf(await act('alibaba', second, 'resolve', rejected))
    expect(await bodyOf(await act('youku', second, 'dispute', dispute))).toMatchObject({ state: 'open' })
  })
})
