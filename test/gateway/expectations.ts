import { contentId } from '../../functions/kernel/ids.ts'
import { brands, contracts, programme } from '../../functions/local/demo.ts'
import type { Scope } from '../../schemas/client.ts'
import { partnerDocument, sale, type seedUse } from '../support/gateway.ts'

export type Seeded = Awaited<ReturnType<typeof seedUse>> & { statement: string; pass: string }

/**
 * What somebody who may ask for anything but owns none of this gets: a refusal; an answer about nothing of the owner's
 * (`own`); or what everybody with the scope may know (`shared`).
 */
type Stranger = { refused: [number, string] } | { own: number } | { shared: number }

export type Expectation =
  | { access: 'public' }
  /** Has credentials of its own. */
  | { access: 'client-credentials' }
  /** A page of a signed-in person: bearer tokens are nothing to it. */
  | { access: 'session' }
  | {
      access: 'bearer'
      owner: 'alibaba' | 'youku'
      scopes: Scope[]
      path: (seeded: Seeded) => string
      body?: (seeded: Seeded) => unknown
      answers: number
      strangers: Record<string, Stranger>
    }

const notYours = { refused: [403, 'not-yours'] } satisfies Stranger
const absent = (what: string) => ({ refused: [404, `${what}-not-found`] }) satisfies Stranger

type Bearer = Extract<Expectation, { access: 'bearer' }>
/** Of the programme's brand; `jd` is another brand with every scope. */
const brand = (scopes: Scope[], path: Bearer['path'], more: Partial<Bearer> = {}): Bearer => ({
  access: 'bearer',
  owner: 'alibaba',
  scopes,
  path,
  answers: 200,
  strangers: { jd: notYours },
  ...more,
})
/** Of the partner youku; eleme is another partner, and `jd` is no partner. */
const partner = (scopes: Scope[], path: Bearer['path'], eleme: Stranger, more: Partial<Bearer> = {}): Bearer => ({
  access: 'bearer',
  owner: 'youku',
  scopes,
  path,
  answers: 200,
  strangers: { eleme, jd: notYours },
  ...more,
})

const fixed = (path: string) => () => path
const periods = `/v1/programmes/${programme.id}/periods`
const usagePeriod = '/v1/usage-periods/2026-10'
const [youkuContract] = contracts
const xiamiPayment = contentId('pay', programme.id, '2026-10', 'alibaba', 'xiami', 'CNY')
const action = (verb: string) =>
  brand(['memberships:write'], ({ spare }) => `/v1/memberships/${spare}/${verb}`, { body: () => ({ reason: 'suite' }) })

/** The suite holds one of each name. */
export const heldByTheSuite = ['seen', 'captured', 'voided']
const redemption = (id: string, verb = '') =>
  partner(['redemptions:write'], fixed(`/v1/redemptions/${id}${verb}`), absent('redemption'))

/** The suite notes an exception for each of these lines of youku's first batch. */
export const exceptionalLines = { seen: 1, assigned: 2, resolved: 3, disputed: 4 }
const exception = (what: keyof typeof exceptionalLines, rest = '') =>
  fixed(`/v1/exceptions/${contentId('exc', 'youku', '1', 'line', String(exceptionalLines[what]))}${rest}`)
const nobodyElses = { strangers: { eleme: absent('exception'), jd: absent('exception') } }

const evaluation = ({ link }: Seeded) => ({
  subject: { type: 'link', id: link.id },
  action: { name: 'use' },
  resource: { type: 'benefit', id: 'youku-vip' },
})

/** One entry a route; the security suite fails for a route that has none. */
export const expectations: Record<string, Expectation> = {
  'GET /.well-known/jwks.json': { access: 'public' },
  'GET /.well-known/oauth-authorization-server': { access: 'public' },
  'GET /.well-known/authzen-configuration': { access: 'public' },
  'GET /status-lists/{partner}/{n}': { access: 'public' },
  'GET /health': { access: 'public' },
  'GET /openapi.json': { access: 'public' },
  'GET /docs': { access: 'public' },
  'GET /docs.css': { access: 'public' },
  'GET /portal.css': { access: 'public' },
  'GET /': { access: 'public' },
  'GET /sign-in': { access: 'public' },
  'GET /sign-in/callback': { access: 'public' },
  'GET /link/{partner}/callback': { access: 'session' },
  'POST /oauth/token': { access: 'client-credentials' },
  'POST /oauth/par': { access: 'client-credentials' },
  'POST /oauth/device-authorization': { access: 'client-credentials' },
  'POST /oauth/revoke': { access: 'client-credentials' },
  // A browser's: what it may do hangs on the request that a partner began, and on the member's session.
  'GET /oauth/authorize': { access: 'public' },
  'GET /oauth/authorize/{uid}': { access: 'public' },
  'GET /oauth/interaction/{uid}': { access: 'session' },
  'POST /oauth/interaction/{uid}': { access: 'session' },
  'GET /device': { access: 'session' },
  'POST /device': { access: 'session' },
  // The event's own signature says whose it is.
  'POST /events/{partner}': { access: 'client-credentials' },

  'POST /sign-out': { access: 'session' },
  'GET /link/{partner}': { access: 'session' },
  'POST /link/{partner}': { access: 'session' },
  'GET /unlink/{partner}': { access: 'session' },
  'POST /unlink/{partner}': { access: 'session' },
  'GET /link/{partner}/done': { access: 'session' },
  'GET /choose/{group}': { access: 'session' },
  'POST /choose/{group}': { access: 'session' },
  'GET /activity': { access: 'session' },
  'GET /pass': { access: 'session' },
  'GET /privacy': { access: 'session' },
  'GET /privacy/export': { access: 'session' },
  'GET /privacy/erase': { access: 'session' },
  'POST /privacy/erase': { access: 'session' },
  'GET /finance': { access: 'session' },
  'GET /finance/periods/{programme}/{period}': { access: 'session' },
  'GET /finance/periods/{programme}/{period}/tables/{file}': { access: 'session' },
  'GET /finance/periods/{programme}/{period}/preview': { access: 'session' },
  'GET /finance/periods/{programme}/{period}/close': { access: 'session' },
  'POST /finance/periods/{programme}/{period}/close': { access: 'session' },
  'GET /finance/periods/{programme}/{period}/netting': { access: 'session' },
  'GET /finance/periods/{programme}/{period}/netting/{file}': { access: 'session' },
  'POST /finance/periods/{programme}/{period}/payments/{id}/confirm': { access: 'session' },
  'GET /finance/statements/{id}': { access: 'session' },
  'GET /finance/statements/{id}/lines/{line}': { access: 'session' },
  'GET /finance/statements/{id}/lines/{line}/{file}': { access: 'session' },
  'GET /finance/exceptions': { access: 'session' },
  'GET /finance/exceptions.csv': { access: 'session' },
  'GET /finance/exceptions.xlsx': { access: 'session' },
  'GET /finance/exceptions/{id}': { access: 'session' },
  'GET /finance/exceptions/{id}/lines': { access: 'session' },
  'POST /finance/exceptions/{id}/assign': { access: 'session' },
  'POST /finance/exceptions/{id}/resolve': { access: 'session' },

  'GET /v1/programmes/{id}': brand(['programmes:write', 'finance:read'], fixed('/v1/programmes/88vip')),
  'PUT /v1/programmes/{id}': brand(['programmes:write'], fixed('/v1/programmes/88vip'), { body: () => programme }),
  // Registrations are the directory from which every brand's programmes name partners.
  'GET /v1/partners/{id}': brand(['partners:write'], fixed('/v1/partners/youku'), {
    strangers: { jd: { shared: 200 } },
  }),
  'PUT /v1/partners/{id}': brand(['partners:write'], fixed('/v1/partners/youku'), {
    body: () => partnerDocument('youku'),
  }),
  'GET /v1/contracts/{id}': brand(['contracts:write', 'finance:read'], fixed('/v1/contracts/youku-2026')),
  'PUT /v1/contracts/{id}': brand(['contracts:write'], fixed('/v1/contracts/youku-2026'), {
    body: () => youkuContract,
  }),
  'GET /v1/brands/{id}': brand(['partners:write', 'finance:read'], fixed('/v1/brands/youku'), {
    strangers: { jd: absent('brand') },
  }),
  'PUT /v1/brands/{id}': brand(['partners:write'], fixed('/v1/brands/youku'), {
    body: () => brands.find(({ id }) => id === 'youku'),
  }),

  // The keys are of the gateway and no brand's: the scope is all it takes. No token that the suites use is signed with
  // the one that is rotated here.
  'POST /v1/keys/{purpose}/rotate': brand(['keys:write'], fixed('/v1/keys/event/rotate'), {
    body: () => ({}),
    strangers: { jd: { shared: 200 } },
  }),

  'POST /v1/memberships': brand(['memberships:write'], fixed('/v1/memberships'), {
    body: ({ subject }) => sale(subject),
    answers: 201,
  }),
  'GET /v1/memberships/{id}': brand(['memberships:write'], ({ membership }) => `/v1/memberships/${membership}`),
  'POST /v1/memberships/{id}/renew': action('renew'),
  'POST /v1/memberships/{id}/cancel': action('cancel'),
  'POST /v1/memberships/{id}/suspend': action('suspend'),
  'POST /v1/memberships/{id}/resume': action('resume'),
  'POST /v1/memberships/{id}/refund': action('refund'),

  'GET /v1/links': partner(['entitlements:read'], ({ account }) => `/v1/links?account=${account}`, { own: 200 }),
  'POST /v1/passes/redeem': partner(['redemptions:write'], fixed('/v1/passes/redeem'), notYours, {
    body: ({ pass }) => ({ id: 'till-1', token: pass }),
    answers: 201,
  }),
  'POST /v1/redemptions': partner(['redemptions:write'], fixed('/v1/redemptions'), absent('link'), {
    body: ({ link }) => ({ id: 'hold-1', linkId: link.id, benefit: 'youku-vip' }),
    answers: 201,
  }),
  'GET /v1/redemptions/{id}': redemption('seen'),
  'POST /v1/redemptions/{id}/capture': redemption('captured', '/capture'),
  'POST /v1/redemptions/{id}/void': redemption('voided', '/void'),
  'POST /v1/entitlement-tokens': partner(['entitlements:read'], fixed('/v1/entitlement-tokens'), absent('link'), {
    body: ({ link }) => ({ linkId: link.id }),
  }),
  // A denial is an answer; it says of another's link what it says of none.
  'POST /access/v1/evaluation': partner(
    ['entitlements:read'],
    fixed('/access/v1/evaluation'),
    { own: 200 },
    { body: evaluation },
  ),
  'POST /access/v1/evaluations': partner(
    ['entitlements:read'],
    fixed('/access/v1/evaluations'),
    { own: 200 },
    { body: seeded => ({ evaluations: [evaluation(seeded), evaluation(seeded)] }) },
  ),
  'POST /v1/usage-batches': partner(
    ['usage:write'],
    fixed('/v1/usage-batches'),
    { own: 202 },
    {
      body: ({ event }) => ({ events: [event] }),
      answers: 202,
    },
  ),
  'GET /v1/usage-batches/{id}': partner(
    ['usage:write'],
    ({ batch }) => `/v1/usage-batches/${batch.id}`,
    absent('batch'),
  ),
  'GET /v1/usage-batches/{id}/dispositions': partner(
    ['usage:write'],
    ({ batch }) => `/v1/usage-batches/${batch.id}/dispositions`,
    absent('batch'),
  ),
  'GET /v1/usage-batches/{id}/dispositions.csv': partner(
    ['usage:write'],
    ({ batch }) => `/v1/usage-batches/${batch.id}/dispositions.csv`,
    absent('batch'),
  ),
  'GET /v1/usage-batches': partner(['usage:write'], fixed('/v1/usage-batches'), { own: 200 }),
  'GET /v1/usage-periods/{period}': partner(['usage:write'], fixed(usagePeriod), { own: 200 }),
  'GET /v1/usage-periods/{period}/days': partner(['usage:write'], fixed(`${usagePeriod}/days`), { own: 200 }),
  'GET /v1/usage-periods/{period}/days.csv': partner(['usage:write'], fixed(`${usagePeriod}/days.csv`), { own: 200 }),
  'GET /v1/usage-periods/{period}/dispositions': partner(['usage:write'], fixed(`${usagePeriod}/dispositions`), {
    own: 200,
  }),
  'GET /v1/usage-periods/{period}/dispositions.csv': partner(
    ['usage:write'],
    fixed(`${usagePeriod}/dispositions.csv`),
    { own: 200 },
  ),

  'GET /v1/exceptions': partner(['usage:write', 'finance:read'], fixed('/v1/exceptions'), absent('exception'), {
    strangers: { eleme: { own: 200 }, jd: { own: 200 } },
  }),
  'GET /v1/exceptions/{id}': partner(
    ['usage:write', 'finance:read'],
    exception('seen'),
    absent('exception'),
    nobodyElses,
  ),
  'GET /v1/exceptions/{id}/lines': partner(
    ['usage:write', 'finance:read'],
    exception('seen', '/lines'),
    absent('exception'),
    nobodyElses,
  ),
  'POST /v1/exceptions/{id}/assign': brand(['finance:write'], exception('assigned', '/assign'), {
    body: () => ({ assignee: 'mei' }),
    strangers: { jd: absent('exception') },
  }),
  'POST /v1/exceptions/{id}/resolve': brand(['finance:write'], exception('resolved', '/resolve'), {
    body: () => ({ outcome: 'rejected', reason: 'suite' }),
    strangers: { jd: absent('exception') },
  }),
  'POST /v1/exceptions/{id}/dispute': partner(['usage:write'], exception('disputed', '/dispute'), absent('exception'), {
    body: () => ({ reason: 'suite' }),
    ...nobodyElses,
  }),

  'GET /v1/programmes/{programme}/periods': brand(['finance:read'], fixed(periods)),
  'GET /v1/programmes/{programme}/periods/{period}': brand(['finance:read'], fixed(`${periods}/2026-10`)),
  'POST /v1/programmes/{programme}/periods/{period}/preview': brand(
    ['finance:read'],
    fixed(`${periods}/2026-10/preview`),
  ),
  'POST /v1/programmes/{programme}/periods/{period}/close': brand(
    ['finance:write'],
    fixed(`${periods}/2026-10/close`),
    { answers: 202 },
  ),
  'GET /v1/programmes/{programme}/periods/{period}/journal': brand(
    ['finance:read'],
    fixed(`${periods}/2026-10/journal`),
  ),
  'GET /v1/programmes/{programme}/periods/{period}/netting': brand(
    ['finance:read'],
    fixed(`${periods}/2026-10/netting`),
  ),
  'GET /v1/programmes/{programme}/periods/{period}/payments.xml': brand(
    ['finance:read'],
    fixed(`${periods}/2026-10/payments.xml`),
  ),
  // A flat fee of 88.00 with 6 % tax, however much was used.
  'POST /v1/programmes/{programme}/periods/{period}/payments/{id}/confirm': brand(
    ['finance:write'],
    fixed(`${periods}/2026-10/payments/${xiamiPayment}/confirm`),
    { body: () => ({ paidOn: '2026-11-02', reference: 'suite', amountMinor: 9328 }) },
  ),
  'GET /v1/statements': partner(
    ['settlements:read', 'finance:read'],
    fixed('/v1/statements'),
    { own: 200 },
    {
      strangers: { eleme: { own: 200 }, jd: { own: 200 } },
    },
  ),
  'GET /v1/statements/{id}': partner(
    ['settlements:read', 'finance:read'],
    ({ statement }) => `/v1/statements/${statement}`,
    absent('statement'),
    { strangers: { eleme: absent('statement'), jd: absent('statement') } },
  ),
  'GET /v1/statements/{id}/lines/{line}/events': partner(
    ['settlements:read', 'finance:read'],
    ({ statement }) => `/v1/statements/${statement}/lines/youku-2026:views:2026-10/events`,
    absent('statement'),
    { strangers: { eleme: absent('statement'), jd: absent('statement') } },
  ),
  'GET /v1/statements/{id}/lines/{line}/events.csv': partner(
    ['settlements:read', 'finance:read'],
    ({ statement }) => `/v1/statements/${statement}/lines/youku-2026:views:2026-10/events.csv`,
    absent('statement'),
    { strangers: { eleme: absent('statement'), jd: absent('statement') } },
  ),
  'GET /v1/statements/{id}/lines/{line}/events.xlsx': partner(
    ['settlements:read', 'finance:read'],
    ({ statement }) => `/v1/statements/${statement}/lines/youku-2026:views:2026-10/events.xlsx`,
    absent('statement'),
    { strangers: { eleme: absent('statement'), jd: absent('statement') } },
  ),
}
