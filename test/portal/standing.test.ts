import { describe, expect, test } from 'vitest'
import { type Standing, standingOf } from '../../functions/portal/benefit-state.ts'
import { paidUntilOf } from '../../functions/portal/linking.ts'
import { Instant } from '../../schemas/primitives.ts'

const base: Standing = {
  membership: { state: 'active' },
  benefit: { linkRequired: true },
  entitlement: { state: 'offered' },
  link: undefined,
}
const link = { state: 'active' as const }

test.each<[string, Partial<Standing>, string, string | undefined]>([
  ['offered, nothing linked', {}, 'to-link', 'link'],
  ['never derived yet', { entitlement: undefined }, 'to-link', 'link'],
  ['live', { entitlement: { state: 'active' }, link }, 'active', 'unlink'],
  ['live without a link', { entitlement: { state: 'active' }, benefit: { linkRequired: false } }, 'active', undefined],
  ['ending', { entitlement: { state: 'ending' }, link }, 'ending', 'unlink'],
  ['starts later', { entitlement: { state: 'pending' }, link }, 'waiting', 'unlink'],
  ['suspended', { entitlement: { state: 'suspended' }, link }, 'suspended', 'unlink'],
  ['failed', { entitlement: { state: 'failed' }, link }, 'failed', 'unlink'],
  ['group open', { choice: 'open' }, 'to-choose', 'choose'],
  ['group open, linked already', { choice: 'open', link }, 'to-choose', 'choose'],
  ['chosen, not linked', { choice: 'taken' }, 'to-link', 'link'],
  ['another one chosen', { choice: 'passed-over' }, 'not-chosen', undefined],
  ['another one chosen, still linked', { choice: 'passed-over', link }, 'not-chosen', 'unlink'],
  ['link broken', { link: { state: 'broken' } }, 'broken', 'link-again'],
  ['link ended', { link: { state: 'ended' }, entitlement: { state: 'ended' } }, 'to-link', 'link'],
  ['membership over', { membership: { state: 'ended' }, entitlement: { state: 'ended' } }, 'ended', undefined],
  ['membership over, still linked', { membership: { state: 'ended' }, link }, 'ended', 'unlink'],
])('%s', (_name, change, state, action) => {
  expect(standingOf({ ...base, ...change })).toEqual({ state, action })
})

describe('what a partner says is paid', () => {
  test.each([
    [undefined, undefined],
    [null, undefined],
    ['2027-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['2027-01-01T08:00:00+08:00', '2027-01-01T00:00:00Z'],
    [1_798_761_600, '2027-01-01T00:00:00Z'],
    [253_402_300_799, '9999-12-31T23:59:59Z'],
  ])('%s', (claim, expected) => {
    const paidUntil = paidUntilOf({}, { paidUntil: claim })
    expect(paidUntil).toBe(expected)
    if (paidUntil) expect(Instant.safeParse(paidUntil).success).toBe(true)
  })

  test.each([
    'soon',
    '2027-01-01',
    '9999-12-31T23:59:59-01:00',
    '0000-01-01T00:00:00+01:00',
    true,
    {},
    -1,
    1e300,
    1.5,
    253_402_300_800,
  ])('%s is refused rather than guessed', claim => {
    expect(() => paidUntilOf({}, { paidUntil: claim })).toThrow(expect.objectContaining({ code: 'link-failed' }))
  })

  test('under the name the partner gives it', () => {
    const claims = { vip_until: '2027-01-01T00:00:00Z', paidUntil: 'soon' }
    expect(paidUntilOf({ claims: { paidUntil: 'vip_until' } }, claims)).toBe('2027-01-01T00:00:00Z')
  })
})
