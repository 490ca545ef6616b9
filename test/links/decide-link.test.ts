import { describe, expect, it } from 'vitest'
import { decideLink, type LinkGrounds } from '../../functions/links/decide-link.ts'
import { instant } from '../memberships/world.ts'

const now = instant('2026-10-20T00:00:00Z')
const grounds = (change: object = {}): LinkGrounds => ({
  programme: { id: '88vip', timeZone: 'Asia/Shanghai', alreadyPaying: 'stack' },
  partner: { relinkCooldown: 'P30D' },
  account: 'new',
  known: undefined,
  linked: undefined,
  held: [],
  paidUntil: undefined,
  ...change,
})
const linked = (change: object = {}) => ({
  account: 'old',
  state: 'ended',
  endedAt: '2026-10-01T00:00:00Z',
  reason: 'member',
  ...change,
})
const policy = (alreadyPaying: string, paidUntil: string) => ({
  programme: { id: '88vip', timeZone: 'Asia/Shanghai', alreadyPaying },
  paidUntil,
})

describe('whether a member may link an account', () => {
  it.each<[string, object, string | object]>([
    ['a first link', {}, {}],
    ['while another account is linked', { linked: linked({ state: 'active', endedAt: undefined }) }, 'already-linked'],
    ['an account of another member', { known: { live: { '88vip': 'lnk_1' } } }, 'account-linked-elsewhere'],
    ['an account of another programme', { known: { live: { gold: 'lnk_1' } } }, {}],
    ['another account within the cooldown', { linked: linked() }, 'relink-cooldown'],
    ['another account at its last second', { linked: linked({ endedAt: '2026-09-20T00:00:01Z' }) }, 'relink-cooldown'],
    ['another account once it is over', { linked: linked({ endedAt: '2026-09-20T00:00:00Z' }) }, {}],
    ['another account after a closed one', { linked: linked({ reason: 'account-closed' }) }, {}],
    ['the same account within the cooldown', { linked: linked({ account: 'new' }) }, {}],
    ['without a cooldown', { linked: linked(), partner: { relinkCooldown: 'P0D' } }, {}],
    ['with a cooldown for ever', { linked: linked(), partner: { relinkCooldown: 'P9999Y' } }, 'relink-cooldown'],
    ['a benefit that the account has', { held: ['youku-vip'] }, 'already-entitled'],
    ['an account that pays, stacked', policy('stack', '2026-11-01T00:00:00Z'), {}],
    ['an account that pays, deferred', policy('defer', '2026-11-01T00:00:00Z'), { notBefore: '2026-11-01T00:00:00Z' }],
    ['an account that pays, blocked', policy('block', '2026-11-01T00:00:00Z'), 'account-already-pays'],
    ['an account that paid, blocked', policy('block', '2026-10-20T00:00:00Z'), {}],
    ['an account that paid, deferred', policy('defer', '2026-10-19T23:59:59Z'), {}],
  ])('%s', (_, change, expected) => {
    if (typeof expected === 'object') expect(decideLink(grounds(change), now)).toEqual(expected)
    else expect(() => decideLink(grounds(change), now)).toThrow(expect.objectContaining({ code: expected }))
  })
})
