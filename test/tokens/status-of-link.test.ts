import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextStatus, statusOf } from '../../functions/tokens/link-status.ts'
import type { EntitlementState, LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'

type Shown = Pick<LinkRecord, 'state' | 'entitlements' | 'status'>
const status = { list: 1, index: 7 }
const held = (state: EntitlementState, change: object = {}) =>
  ({
    id: 'ent_00000000000000000000000001',
    state,
    validUntil: '2026-12-01T00:00:00Z',
    ...change,
  }) as LinkedEntitlement
const other = (state: EntitlementState) => held(state, { id: 'ent_00000000000000000000000002' })
const link = (...entitlements: LinkedEntitlement[]): Shown => ({ state: 'active', entitlements, status })
const without = ({ status: _status, ...rest }: Shown): Shown => rest

describe('what becomes of the index of a link', () => {
  it.each([
    ['nothing', link(held('active')), link(held('active'))],
    ['one more', link(held('active')), link(held('active'), other('active'))],
    ['one more that is suspended', link(held('active')), link(held('active'), other('suspended'))],
    ['an option that is gone', link(held('active'), other('offered')), link(held('active'))],
    ['a later end', link(held('active')), link(held('active', { validUntil: '2027-12-01T00:00:00Z' }))],
    ['a cancellation', link(held('active')), link(held('ending'))],
    ['grace', link(held('active')), link(held('ending', { validUntil: '2026-12-08T00:00:00Z' }))],
    ['a suspension of all', link(held('active'), other('ending')), link(held('suspended'), other('suspended'))],
    ['its end', link(held('suspended'), other('suspended')), link(held('active'), other('ending'))],
    ['a beginning', link(held('pending')), link(held('active'))],
    ['a higher limit', link(held('active', { limits: { n: 1 } })), link(held('active', { limits: { n: 2 } }))],
    [
      'a larger quota',
      link(held('active', { quota: { per: 'P1M', limit: 4, rollover: false } })),
      link(held('active', { quota: { per: 'P1M', limit: 5, rollover: false } })),
    ],
    ['what is suspended already', link(held('suspended'), other('active')), link(held('suspended'), other('active'))],
    ['the end of the link', link(held('active')), { ...link(), state: 'ended' }],
    ['a broken link', link(held('active')), { ...link(held('active')), state: 'broken' }],
  ] as [string, Shown, Shown][])('kept: %s', (_, before, after) => {
    expect(nextStatus(before, after)).toBe('keep')
  })

  it.each([
    ['one that is gone', link(held('active'), other('active')), link(held('active'))],
    ['one that is gone while suspended', link(held('suspended'), other('suspended')), link(other('suspended'))],
    ['one that is offered again', link(held('active'), other('active')), link(held('active'), other('offered'))],
    ['one that was revoked', link(held('active'), other('active')), link(held('active'), other('revoked'))],
    ['an earlier end', link(held('active')), link(held('active', { validUntil: '2026-11-01T00:00:00Z' }))],
    ['a lower limit', link(held('active', { limits: { n: 2 } })), link(held('active', { limits: { n: 1 } }))],
    ['another limit', link(held('active', { limits: { q: 'hd' } })), link(held('active', { limits: { q: 'sd' } }))],
    ['a limit gone', link(held('active', { limits: { n: 2 } })), link(held('active'))],
    ['a limit that is new', link(held('active')), link(held('active', { limits: { n: 2 } }))],
    [
      'a smaller quota',
      link(held('active', { quota: { per: 'P1M', limit: 4, rollover: false } })),
      link(held('active', { quota: { per: 'P1M', limit: 3, rollover: false } })),
    ],
    [
      'a shorter quota period',
      link(held('active', { quota: { per: 'P1M', limit: 4, rollover: false } })),
      link(held('active', { quota: { per: 'P1D', limit: 4, rollover: false } })),
    ],
    ['a quota that is new', link(held('active')), link(held('active', { quota: { per: 'P1M', limit: 4 } }))],
    ['a part that is suspended', link(held('active'), other('active')), link(held('active'), other('suspended'))],
    [
      'a part that stays suspended',
      link(held('suspended'), other('suspended')),
      link(held('active'), other('suspended')),
    ],
    ['what waits again', link(held('suspended')), link(held('pending'))],
    ['a part that waits', link(held('active'), other('active')), link(held('active'), other('pending'))],
    ['the first that is there', without(link()), link(held('pending'))],
  ] as [string, Shown, Shown][])('drawn anew: %s', (_, before, after) => {
    expect(nextStatus(before, after)).toBe('draw')
  })

  it.each([
    ['the last one is gone', link(held('active')), link()],
    ['the last one is offered again', link(held('active')), link(held('offered'))],
    ['there never was one', without(link()), link(held('offered'))],
  ] as [string, Shown, Shown][])('none: %s', (_, before, after) => {
    expect(nextStatus(before, after)).toBe('none')
  })

  it('is drawn with a new link that has something to say, and with no other', () => {
    expect(nextStatus(undefined, without(link(held('active'))))).toBe('draw')
    expect(nextStatus(undefined, without(link(held('offered'))))).toBe('none')
  })
})

describe('the bit', () => {
  it.each([
    [0, link(held('active'))],
    [0, link(held('ending'), other('suspended'))],
    [2, link(held('suspended'))],
    [2, link(held('suspended'), other('offered'))],
    [0, link(held('pending'))],
    [1, { ...link(), state: 'ended' }],
    [1, { ...link(held('active')), state: 'broken' }],
  ] as [number, Shown][])('is %i', (bit, shown) => expect(statusOf(shown)).toBe(bit))
})

describe('whatever happens to a link', () => {
  const states = fc.constantFrom<EntitlementState>('offered', 'pending', 'active', 'ending', 'suspended', 'ended')
  const days = fc.integer({ min: 1, max: 9 })
  const one = fc.record({ state: states, day: days, streams: fc.integer({ min: 1, max: 3 }) })
  const steps = fc.array(fc.record({ a: fc.option(one), b: fc.option(one) }), { minLength: 1, maxLength: 12 })

  it('a token counts as valid only for what the link still gives', () => {
    const shown = (name: string, { state, day, streams }: { state: EntitlementState; day: number; streams: number }) =>
      held(state, { id: name, validUntil: `2026-12-0${day}T00:00:00Z`, limits: { streams } })
    fc.assert(
      fc.property(steps, life => {
        let before: Shown | undefined
        let drawn = 0
        const minted: { index: number; says: LinkedEntitlement[] }[] = []
        for (const { a, b } of life) {
          const entitlements = [...(a ? [shown('a', a)] : []), ...(b ? [shown('b', b)] : [])]
          const next: Shown = { state: 'active', entitlements, ...(before?.status && { status: before.status }) }
          const what = nextStatus(before, next)
          if (what === 'draw') next.status = { list: 1, index: ++drawn }
          if (what === 'none') delete next.status
          before = next
          const live = entitlements.filter(({ state }) => state === 'active' || state === 'ending')
          if (live.length > 0) {
            expect(next.status).toBeDefined()
            expect(statusOf(next)).toBe(0)
            minted.push({ index: next.status?.index ?? 0, says: live })
          }
          // Every token whose bit is 0 now: what it says still holds, at least as far as it says.
          const valid = minted.filter(({ index }) => index === next.status?.index && statusOf(next) === 0)
          for (const { id, validUntil, limits } of valid.flatMap(({ says }) => says)) {
            const now = live.find(other => other.id === id)
            expect(now && now.validUntil >= validUntil).toBe(true)
            expect(Number(now?.limits?.['streams'])).toBeGreaterThanOrEqual(Number(limits?.['streams']))
          }
        }
      }),
      { numRuns: 3000 },
    )
  })
})
