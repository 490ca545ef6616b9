import * as z from 'zod'
import { Currency } from './money.ts'
import { Day, Decimal, Instant, Share, Slug } from './primitives.ts'

/** Steps ascend by `upTo` (inclusive); only the last one is open. Prices are in major units. */
export const Tiers = z
  .strictObject({
    mode: z.enum(['graduated', 'volume']),
    steps: z
      .array(z.strictObject({ upTo: z.int().min(1).optional(), unitPrice: Decimal }))
      .min(1)
      .max(50),
  })
  .superRefine(({ steps }, context) => {
    steps.forEach(({ upTo }, index) => {
      const last = index === steps.length - 1
      const before = steps[index - 1]?.upTo ?? 0
      if (last ? upTo !== undefined : upTo === undefined || upTo <= before)
        context.addIssue({
          code: 'custom',
          path: ['steps', index, 'upTo'],
          message: last ? 'the last step has no upTo' : 'upTo must be larger than the step before it',
        })
    })
  })
export type Tiers = z.infer<typeof Tiers>

/** Who bears a line, e.g. 60 % the brand and 40 % the partner; the payee's own part is not owed. */
export const FundedBy = z
  .array(z.strictObject({ brand: Slug, share: Share }))
  .min(1)
  .max(10)
  .superRefine((parts, context) => {
    if (new Set(parts.map(part => part.brand)).size < parts.length)
      context.addIssue({ code: 'custom', path: [], message: 'a brand may appear once' })
    if (!sumsToOne(parts.map(part => part.share)))
      context.addIssue({ code: 'custom', path: [], message: 'the shares must add up to exactly 1' })
  })

/** Shares that are no decimals are a fault of their own, and add up to nothing. */
const sumsToOne = (shares: string[]): boolean =>
  !shares.every(isDecimal) || shares.reduce((sum, share) => sum + scaled(share), 0n) === 10n ** 12n

const isAbove = (one: string | undefined, other: string | undefined): boolean =>
  isDecimal(one) && isDecimal(other) && scaled(one) > scaled(other)

/** Checks of a whole run also where a part was found to be wrong. */
const isDecimal = (text: string | undefined): text is string => Decimal.safeParse(text).success

/** A decimal as an integer of 10^-12, which holds all its digits: a double would not. */
function scaled(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.')
  return BigInt(whole + fraction.padEnd(12, '0'))
}

/** Statement lines that a contract's minimum and maximum make: no line of a contract may take their names. */
export const contractLimitLines = ['minimum-top-up', 'maximum-cut'] as const

/** The statement line of what was decided of exceptions. */
export const adjustmentLine = 'adjustment'

const reservedLines: readonly string[] = [...contractLimitLines, adjustmentLine]
const LineId = Slug.refine(id => !reservedLines.includes(id), 'the name is reserved')
const base = { id: LineId, fundedBy: FundedBy.optional() }
/** Priced by quantity: exactly one of `unitPrice` and `tiers`. */
const priced = { ...base, benefit: Slug, unitPrice: Decimal.optional(), tiers: Tiers.optional() }
const onePrice = (line: { unitPrice?: unknown; tiers?: unknown }) =>
  (line.unitPrice === undefined) !== (line.tiers === undefined)
const onePriceMessage = { message: 'exactly one of unitPrice and tiers', path: ['unitPrice'] }

export const ContractLine = z
  .discriminatedUnion('model', [
    z.strictObject({ ...priced, model: z.literal('per-use') }).refine(onePrice, onePriceMessage),
    z.strictObject({ ...priced, model: z.literal('per-active-member') }).refine(onePrice, onePriceMessage),
    z.strictObject({ ...priced, model: z.literal('per-entitled-member') }).refine(onePrice, onePriceMessage),
    z.strictObject({ ...base, benefit: Slug, model: z.literal('revenue-share'), share: Share }),
    /** `fee` in major units a period, however much is used; `unitPrice` is accepted as its other name. */
    z
      .strictObject({
        ...base,
        benefit: Slug.optional(),
        model: z.literal('flat'),
        fee: Decimal.optional(),
        unitPrice: Decimal.optional(),
      })
      .refine(line => (line.fee === undefined) !== (line.unitPrice === undefined), {
        message: 'exactly one of fee and unitPrice',
        path: ['fee'],
      }),
  ])
  .meta({ id: 'ContractLine' })
export type ContractLine = z.infer<typeof ContractLine>

/** How old an event may be at receipt, unless a contract says otherwise. */
export const defaultLateDays = 60

/** Dated terms between two brands of one programme. Days are of the programme's time zone, `validTo` inclusive. */
export const ContractDocument = z
  .strictObject({
    id: Slug,
    programme: Slug,
    payer: Slug,
    payee: Slug,
    currency: Currency,
    validFrom: Day,
    validTo: Day.optional(),
    taxRate: Share,
    lateDays: z.int().min(0).max(3650).default(defaultLateDays),
    lines: z.array(ContractLine).min(1).max(50),
    minimum: Decimal.optional(),
    maximum: Decimal.optional(),
    paymentThreshold: Decimal.optional(),
    netting: z.enum(['bilateral', 'multilateral']).default('bilateral'),
  })
  .superRefine((contract, context) => {
    const fault = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (contract.payer === contract.payee) fault(['payee'], 'payer and payee must be two brands')
    if (contract.validTo && contract.validTo < contract.validFrom) fault(['validTo'], 'validTo is before validFrom')
    const { minimum, maximum } = contract
    if (isAbove(minimum, maximum)) fault(['maximum'], 'the maximum is below the minimum')
    contract.lines.forEach((line, index) => {
      if (contract.lines.findIndex(other => other.id === line.id) < index)
        fault(['lines', index, 'id'], 'a line id may appear once')
    })
  })
  .meta({ id: 'ContractDocument' })
export type ContractDocument = z.infer<typeof ContractDocument>

export const Contract = z
  .strictObject({ ...ContractDocument.shape, version: z.int().min(1), appliedAt: Instant })
  .meta({ id: 'Contract' })
export type Contract = z.infer<typeof Contract>
