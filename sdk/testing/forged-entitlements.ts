import { type Attack, group } from './attack.ts'
import { entitlement, type TestIssuer } from './issuer.ts'
import type { Members } from './kinds.ts'

type Make = Attack['make']
type Row = Pick<Attack, 'name' | 'what' | 'make'>

const claimed =
  (ent: unknown): Make =>
  issuer =>
    issuer.mint({ ent })

/** One entitlement, changed. */
const spoiled =
  (change: Members): Make =>
  issuer =>
    issuer.mint({ ent: [liveOne(issuer, change)] })

const liveOne = ({ benefit, now }: TestIssuer, change: Members = {}): Members =>
  entitlement(benefit, now() + 86_400, change)

const INVALID: readonly Row[] = [
  { name: 'ent-missing', what: 'no ent', make: claimed(undefined) },
  { name: 'ent-empty', what: 'ent []: nothing entitled, yet signed', make: claimed([]) },
  { name: 'ent-object', what: 'ent an object', make: claimed({ id: 'ent_1' }) },
  { name: 'ent-of-strings', what: 'ent a list of benefit ids', make: issuer => issuer.mint({ ent: [issuer.benefit] }) },
  { name: 'ent-of-null', what: 'ent [null]', make: claimed([null]) },
  {
    name: 'ent-duplicate-id',
    what: 'one entitlement id twice, with different ends',
    make: issuer => issuer.mint({ ent: [liveOne(issuer), liveOne(issuer, { vu: issuer.now() + 60 })] }),
  },
  { name: 'ent-id-missing', what: 'an entitlement without id', make: spoiled({ id: undefined }) },
  { name: 'ent-bid-missing', what: 'an entitlement without benefit', make: spoiled({ bid: undefined }) },
  { name: 'ent-bid-array', what: 'a benefit in an array', make: spoiled({ bid: ['vip'] }) },
  { name: 'ent-st-suspended', what: 'st suspended, which no token carries', make: spoiled({ st: 'suspended' }) },
  { name: 'ent-st-missing', what: 'no st', make: spoiled({ st: undefined }) },
  { name: 'ent-st-upper-case', what: 'st ACTIVE', make: spoiled({ st: 'ACTIVE' }) },
  { name: 'ent-vu-missing', what: 'no vu: without end', make: spoiled({ vu: undefined }) },
  { name: 'ent-vu-string', what: 'vu a date in words', make: spoiled({ vu: '2030-01-01T00:00:00Z' }) },
  {
    name: 'ent-vu-milliseconds',
    what: 'vu in milliseconds',
    make: issuer => issuer.mint({ ent: [liveOne(issuer, { vu: (issuer.now() + 60) * 1000 })] }),
  },
  { name: 'ent-lim-array', what: 'lim a list', make: spoiled({ lim: [2] }) },
  { name: 'ent-lim-nested', what: 'lim with an object inside', make: spoiled({ lim: { streams: {} } }) },
  { name: 'ent-lim-null', what: 'a limit of null', make: spoiled({ lim: { streams: null } }) },
  { name: 'ent-rem-negative', what: 'rem -1', make: spoiled({ rem: -1 }) },
  { name: 'ent-rem-fraction', what: 'rem 0.5', make: spoiled({ rem: 0.5 }) },
  { name: 'ent-rem-string', what: 'rem "3"', make: spoiled({ rem: '3' }) },
]

export const ENTITLEMENTS: readonly Attack[] = group('entitlements', [
  ...INVALID.map(row => ({ ...row, code: 'claim-ent-invalid' as const })),
  {
    name: 'ent-all-ended',
    what: 'every entitlement ended before now',
    code: 'entitlements-ended',
    make: issuer => issuer.mint({ ent: [liveOne(issuer, { vu: issuer.now() })] }),
  },
])
