import type { UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import type { PlanFees } from '../memberships/fees.ts'

/** What a month's fees come to against what the benefits cost, in one currency. */
export type Economics = {
  currency: string
  feesMinor: bigint
  costMinor: bigint
  marginMinor: bigint
  members: number
  /** Whether fees may be in this currency: it is the programme's own, or a plan is sold in it. */
  hasFees: boolean
  plans: PlanEconomics[]
  benefits: BenefitEconomics[]
}
export type PlanEconomics = {
  plan: string
  members: number
  feesMinor: bigint
  /** Its part of all benefit costs, by members. */
  costMinor: bigint
  marginMinor: bigint
  isLoss: boolean
}
export type BenefitEconomics = {
  /** Undefined for what belongs to no single benefit: minimum, maximum, fees for several, decided exceptions. */
  benefit: string | undefined
  costMinor: bigint
  activeMembers: number
  /**
   * `all-fees`: it costs at least all that members pay. `member`: a member who uses it costs more in it than a member
   * pays on average, so that every further user makes a loss. `no-fees`: nobody pays in this currency, so that there is
   * nothing to compare it with.
   */
  warning: 'all-fees' | 'member' | 'no-fees' | undefined
}

type Inputs = {
  statements: readonly Statement[]
  usage: readonly UsageTotal[]
  fees: readonly PlanFees[]
  period: Period
  /** The brand that sells the programme. */
  brand: string
  /** Benefits of the programme, which are shown in `currency` even without a cost. */
  benefits: readonly string[]
  currency: string
  /** Before the month is over nobody knows whether a minimum will be reached: what tops up to it is left out. */
  isOver: boolean
}

/**
 * Benefit cost is what the programme's brand owes for a benefit less what it is owed, before tax; late and decided lines
 * count in the month that bills them.
 */
export function economicsOf(inputs: Inputs): Economics[] {
  const { statements, fees, brand, currency } = inputs
  const currencies = new Set([currency, ...fees.map(plan => plan.currency)])
  for (const { debtor, creditor, currency: used } of statements)
    if (debtor === brand || creditor === brand) currencies.add(used)
  return [...currencies]
    .sort((a, b) => Number(b === currency) - Number(a === currency) || (a < b ? -1 : 1))
    .map(one => inCurrency(inputs, one))
}

function inCurrency(
  { statements, usage, fees, period, brand, benefits, currency: own, isOver }: Inputs,
  currency: string,
): Economics {
  const costs = costsOf(statements, { brand, currency, isOver })
  const paid = fees.filter(plan => plan.currency === currency)
  const hasFees = currency === own || paid.length > 0
  const costMinor = [...costs.values()].reduce((sum, cost) => sum + cost, 0n)
  const feesMinor = paid.reduce((sum, plan) => sum + plan.feesMinor, 0n)
  const members = paid.reduce((sum, plan) => sum + plan.memberships, 0)
  const parts = allocate(
    costMinor,
    paid.map(plan => plan.memberships),
  )
  const plans = paid.map((plan, index): PlanEconomics => {
    const cost = parts[index] ?? 0n
    const marginMinor = plan.feesMinor - cost
    const { plan: id, memberships, feesMinor: earned } = plan
    return { plan: id, members: memberships, feesMinor: earned, costMinor: cost, marginMinor, isLoss: marginMinor < 0n }
  })
  const shown = new Set<string | undefined>([...(currency === own ? benefits : []), ...costs.keys()])
  const rows = [...shown].map((benefit): BenefitEconomics => {
    const cost = costs.get(benefit) ?? 0n
    const activeMembers = activeIn(usage, period, benefit)
    return {
      benefit,
      costMinor: cost,
      activeMembers,
      warning: warningOf({ cost, activeMembers, feesMinor, members, hasFees }),
    }
  })
  const byCost = rows.sort(
    (a, b) => Number(b.costMinor - a.costMinor) || ((a.benefit ?? '~') < (b.benefit ?? '~') ? -1 : 1),
  )
  return {
    currency,
    feesMinor,
    costMinor,
    marginMinor: feesMinor - costMinor,
    members,
    hasFees,
    plans,
    benefits: byCost,
  }
}

function costsOf(
  statements: readonly Statement[],
  { brand, currency, isOver }: Pick<Inputs, 'brand' | 'currency' | 'isOver'>,
): Map<string | undefined, bigint> {
  const costs = new Map<string | undefined, bigint>()
  for (const statement of statements) {
    if (statement.currency !== currency) continue
    const sign = statement.debtor === brand ? 1n : statement.creditor === brand ? -1n : 0n
    if (sign === 0n) continue
    for (const { benefit, amountMinor, model } of statement.lines)
      if (isOver || model !== 'minimum-top-up')
        costs.set(benefit, (costs.get(benefit) ?? 0n) + sign * BigInt(amountMinor))
  }
  return costs
}

/** Several contracts may count the same members: the largest count is one that surely holds. */
const activeIn = (usage: readonly UsageTotal[], period: Period, benefit: string | undefined): number =>
  usage
    .filter(total => total.benefit === benefit && total.originPeriod === period)
    .reduce((most, { activeMembers }) => Math.max(most, activeMembers), 0)

type Weighed = { cost: bigint; activeMembers: number; feesMinor: bigint; members: number; hasFees: boolean }
function warningOf({ cost, activeMembers, feesMinor, members, hasFees }: Weighed): BenefitEconomics['warning'] {
  if (cost <= 0n) return undefined
  if (!hasFees) return 'no-fees'
  if (cost >= feesMinor) return 'all-fees'
  // cost / activeMembers > fees / members, without a division.
  return activeMembers > 0 && cost * BigInt(members) > feesMinor * BigInt(activeMembers) ? 'member' : undefined
}

/** Splits an amount by weights with the largest remainder; of equal remainders the first gets the unit. */
export function allocate(amount: bigint, weights: readonly number[]): bigint[] {
  const whole = weights.reduce((sum, weight) => sum + BigInt(weight), 0n)
  if (whole === 0n) return weights.map(() => 0n)
  const size = amount < 0n ? -amount : amount
  const parts = weights.map((weight, index) => {
    const exact = size * BigInt(weight)
    return { index, floor: exact / whole, remainder: exact % whole }
  })
  const left = size - parts.reduce((sum, { floor }) => sum + floor, 0n)
  const first = parts
    .toSorted((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1))
    .slice(0, Number(left))
  const lucky = new Set(first.map(({ index }) => index))
  return parts.map(({ index, floor }) => (amount < 0n ? -1n : 1n) * (floor + (lucky.has(index) ? 1n : 0n)))
}
