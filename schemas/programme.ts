import * as z from 'zod'
import { Currency, Money } from './money.ts'
import { Duration, Instant, LocalizedText, Slug, TimeZone } from './primitives.ts'

/** A number that the table can hold and give back as it was: DynamoDB's range and precision are not a double's. */
const StoredNumber = z
  .number()
  .refine(
    value => value === 0 || (Math.abs(value) <= Number.MAX_SAFE_INTEGER && Math.abs(value) >= 1e-12),
    'between 1e-12 and 2^53 - 1 in size, or 0',
  )

/** Member attributes decide prices: `{ "naughtyScore": 1200 }`. */
export const Attributes = z
  .record(z.string().max(64), z.union([StoredNumber, z.string().max(200), z.boolean()]))
  .refine(attributes => Object.keys(attributes).length <= 32, 'at most 32 attributes')

export const PriceCondition = z
  .strictObject({
    attribute: z.string().min(1).max(64),
    atLeast: StoredNumber.optional(),
    atMost: StoredNumber.optional(),
    equals: z.union([StoredNumber, z.string().max(200), z.boolean()]).optional(),
  })
  .refine(
    ({ atLeast, atMost, equals }) => (atLeast ?? atMost ?? equals) !== undefined,
    'one of atLeast, atMost and equals',
  )

export const Plan = z.strictObject({
  id: Slug,
  name: LocalizedText.optional(),
  term: Duration,
  price: Money,
  /** The first rule whose condition holds gives the price. */
  priceRules: z
    .array(z.strictObject({ when: PriceCondition, price: Money }))
    .max(20)
    .default([]),
  trial: Duration.optional(),
  grace: Duration.optional(),
})
export type Plan = z.infer<typeof Plan>

export const ChoiceGroup = z.strictObject({
  id: Slug,
  choose: z.int().min(1).max(50),
  changeEvery: Duration.optional(),
})

export type ChoiceGroup = z.infer<typeof ChoiceGroup>

/** Calendar days, months or years of the programme's time zone; `rollover` carries the unused rest one period on. */
export const Quota = z.strictObject({
  per: z.enum(['P1D', 'P1M', 'P1Y']),
  limit: z.int().min(1).max(1_000_000),
  rollover: z.boolean().default(false),
})
export type Quota = z.infer<typeof Quota>

export const Limits = z
  .record(z.string().max(64), z.union([StoredNumber, z.string().max(200), z.boolean()]))
  .refine(limits => Object.keys(limits).length <= 32, 'at most 32 limits')

export const Benefit = z.strictObject({
  id: Slug,
  partner: Slug,
  kind: z.enum(['access', 'allowance', 'discount', 'voucher', 'top-up']),
  category: Slug,
  linkRequired: z.boolean(),
  choiceGroup: Slug.optional(),
  name: LocalizedText,
  limits: Limits.optional(),
  quota: Quota.optional(),
})
export type Benefit = z.infer<typeof Benefit>

/** What a brand applies: plans, benefits and rules of one paid membership scheme. */
export const ProgrammeDocument = z
  .strictObject({
    id: Slug,
    brand: Slug,
    name: LocalizedText,
    currency: Currency,
    timeZone: TimeZone,
    /** What happens when a partner says the account already pays for the same thing itself. */
    alreadyPaying: z.enum(['stack', 'defer', 'block']).default('stack'),
    plans: z.array(Plan).min(1).max(20),
    choiceGroups: z.array(ChoiceGroup).max(20).default([]),
    benefits: z.array(Benefit).min(1).max(50),
  })
  .meta({ id: 'ProgrammeDocument' })
export type ProgrammeDocument = z.infer<typeof ProgrammeDocument>

export const Programme = ProgrammeDocument.extend({ version: z.int().min(1), appliedAt: Instant }).meta({
  id: 'Programme',
})
export type Programme = z.infer<typeof Programme>

/** The head of a programme: its newest version, and since when it exists (its first period). */
export const ProgrammeHead = z.strictObject({
  id: Slug,
  brand: Slug,
  version: z.int().min(1),
  createdAt: Instant,
  timeZone: TimeZone,
})
export type ProgrammeHead = z.infer<typeof ProgrammeHead>
