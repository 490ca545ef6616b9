import { type LineRules, reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import { parseLine } from '../../functions/usage/parse.ts'
import type { ReceivedLine } from '../../functions/usage/read.ts'
import type { Contract, ContractDocument } from '../../schemas/contract.ts'
import type { LineOutcome } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { EntitlementId } from '../../schemas/ids.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'

export const idOf = (prefix: string, number: number): string => `${prefix}_${String(number).padStart(26, '0')}`
export const entitlementId = (number: number) => idOf('ent', number) as EntitlementId
export const subjectOf = (number: number) => idOf('sub', number)

/** An allowance of Eleme, live for the whole of 2026 unless the test says otherwise. */
export const entitlement = (number = 1, change: object = {}): Entitlement =>
  ({
    id: entitlementId(number),
    programme: '88vip',
    partner: 'eleme',
    benefit: 'eleme-5off',
    kind: 'allowance',
    membership: idOf('mbr', number),
    plan: 'annual',
    member: idOf('mem', number),
    linkRequired: true,
    subject: subjectOf(number),
    state: 'active',
    windows: [{ from: '2025-12-31T16:00:00Z', until: '2026-12-31T16:00:00Z' }],
    validUntil: '2026-12-31T16:00:00Z',
    timeZone: 'Asia/Shanghai',
    createdAt: '2025-12-31T16:00:00Z',
    changedAt: '2025-12-31T16:00:00Z',
    ...change,
  }) as Entitlement

export const entitlements = (...list: Entitlement[]) => new Map<string, Entitlement>(list.map(one => [one.id, one]))

export const contract = (change: Partial<Record<keyof ContractDocument, unknown>> = {}): Contract =>
  ({
    id: 'eleme-2026',
    programme: '88vip',
    payer: 'alibaba',
    payee: 'eleme',
    currency: 'CNY',
    validFrom: '2026-01-01',
    validTo: '2026-12-31',
    taxRate: '0',
    lateDays: 60,
    lines: [{ id: 'uses', model: 'per-use', benefit: 'eleme-5off', unitPrice: '5' }],
    netting: 'bilateral',
    version: 1,
    appliedAt: '2026-01-01T00:00:00Z',
    ...change,
  }) as Contract

export const event = (id: string, change: object = {}) => ({
  id,
  entitlementId: entitlementId(1),
  benefit: 'eleme-5off',
  subject: subjectOf(1),
  occurredAt: '2026-10-03T04:00:00Z',
  ...change,
})
export const reversal = (id: string, reverses: string, change: object = {}) =>
  event(id, { type: 'reversal', reverses, occurredAt: '2026-10-04T04:00:00Z', ...change })

export type Batch = { receivedAt?: string; oldestOpen?: Record<string, string>; events: (object | string)[] }

/** The lines of a partner's batches, as they come out of the store. */
export const linesOf = (batches: Batch[], partner = 'eleme'): ReceivedLine[] =>
  batches.flatMap(({ receivedAt = '2026-10-20T00:00:00Z', oldestOpen = { '88vip': '2026-10' }, events }, index) =>
    events.map((item, at): ReceivedLine => {
      const text = typeof item === 'string' ? item : JSON.stringify(item)
      const { line, event: parsed } = parseLine(Buffer.from(text), at + 1)
      return {
        partner,
        sequence: index + 1,
        line,
        receivedAt: receivedAt as Instant,
        oldestOpen: oldestOpen as Record<string, Period>,
        text,
        ...(parsed && { event: parsed }),
      }
    }),
  )

export const october = '2026-10' as Period
export const programme = { id: '88vip', timeZone: 'Asia/Shanghai', firstPeriod: '2026-01' as Period }

export const rules = (change: Partial<LineRules> = {}): LineRules => ({
  entitlements: entitlements(entitlement()),
  contracts: [contract()],
  programmes: [{ ...programme, openFrom: october }],
  finals: new Map(),
  ...change,
})

/** One batch with these events, and the disposition of each of its lines. */
export const dispositionsOf = (events: (object | string)[], change: Partial<LineRules> = {}): string[] =>
  reconcileLines(linesOf([{ events }]), rules(change)).map(({ disposition }) => disposition)

export const finalsOf = (outcomes: LineOutcome[]) =>
  new Map(outcomes.map(outcome => [`${outcome.sequence}/${outcome.line}`, outcome]))
