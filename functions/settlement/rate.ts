import type { Contract, ContractLine, Tiers } from '../../schemas/contract.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { StatementLine } from '../../schemas/settlement.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import { compare, multiply, parseDecimal, plus, type Rational, round, whole, zero } from './rational.ts'

/** Raised when a change of these rules would give other amounts for the same inputs: it is part of a close's identity. */
export const ratingVersion = '1'

/** What one debtor owes for one line of a contract in one origin period, whole. */
export type RatedLine = {
  contract: string
  line: string
  model: StatementLine['model']
  benefit?: string
  originPeriod: Period
  debtor: string
  creditor: string
  currency: string
  /** Of the terms the line was rated by, which may have changed since. */
  taxRate: string
  /** Place of the line in its contract; minimum and maximum come last. */
  position: number
  /** Matched quantity of the line's benefit, whatever the model counts. */
  quantity: bigint
  amountBaseMinor?: bigint
  members?: bigint
  amountMinor: bigint
}

const noUsage = { quantity: 0, amountMinor: 0, activeMembers: 0, entitledMembers: 0 }

/** One contract in one origin period, whole: its lines and what its minimum or maximum makes of them. */
export function rateContract(contract: Contract, originPeriod: Period, totals: UsageTotal[]): RatedLine[] {
  const lines = rateLines(contract, originPeriod, totals)
  return [...lines, ...limitLines(contract, originPeriod, lines)]
}

/**
 * The contract's own lines. Usage that no total names is zero, so that a contract without usage still gives its lines.
 * Each line is rounded once, before it is split among those who fund it.
 */
export function rateLines(contract: Contract, originPeriod: Period, totals: UsageTotal[]): RatedLine[] {
  const usage = new Map(
    totals
      .filter(total => total.contract === contract.id && total.originPeriod === originPeriod)
      .map(total => [total.benefit, total]),
  )
  return contract.lines.flatMap((line, position) => {
    const used = (line.benefit !== undefined && usage.get(line.benefit)) || noUsage
    const amount = round(lineAmount(line, used, contract.currency))
    return shares(line, amount, contract).map(part => ({
      ...frameOf(contract, originPeriod, position),
      ...metersOf(line, used),
      line: line.id,
      model: line.model,
      ...(line.benefit !== undefined && { benefit: line.benefit }),
      ...part,
    }))
  })
}

/** What every line of a contract has. */
export const frameOf = (contract: Contract, originPeriod: Period, position: number) => ({
  contract: contract.id,
  originPeriod,
  creditor: contract.payee,
  taxRate: contract.taxRate,
  currency: contract.currency,
  position,
})

type Usage = Pick<UsageTotal, 'quantity' | 'amountMinor' | 'activeMembers' | 'entitledMembers'>

function metersOf({ model }: ContractLine, used: Usage): Pick<RatedLine, 'quantity' | 'amountBaseMinor' | 'members'> {
  const quantity = BigInt(used.quantity)
  if (model === 'revenue-share') return { quantity, amountBaseMinor: BigInt(used.amountMinor) }
  if (model === 'per-active-member') return { quantity, members: BigInt(used.activeMembers) }
  if (model === 'per-entitled-member') return { quantity, members: BigInt(used.entitledMembers) }
  return { quantity }
}

/** In minor units, not yet rounded. */
function lineAmount(line: ContractLine, used: Usage, currency: string): Rational {
  switch (line.model) {
    case 'per-use':
      return priced(line, used.quantity, currency)
    case 'per-active-member':
      return priced(line, used.activeMembers, currency)
    case 'per-entitled-member':
      return priced(line, used.entitledMembers, currency)
    case 'revenue-share':
      return multiply(parseDecimal(line.share), whole(used.amountMinor))
    case 'flat':
      return inMinorUnits(line.fee ?? line.unitPrice ?? '0', currency)
  }
}

/** A price or fee in major units as an exact number of minor units. */
export const inMinorUnits = (price: string, currency: string): Rational =>
  multiply(parseDecimal(price), whole(10n ** BigInt(minorUnitDigits(currency))))

type Priced = { unitPrice?: string | undefined; tiers?: Tiers | undefined }

/** More taken back than used gives the mirrored amount: the credit of a quantity is what the quantity costs. */
function priced({ unitPrice, tiers }: Priced, quantity: number, currency: string): Rational {
  const size = Math.abs(quantity)
  const amount = tiers
    ? tieredAmount(tiers, size, currency)
    : multiply(inMinorUnits(unitPrice ?? '0', currency), whole(size))
  return quantity < 0 ? multiply(amount, whole(-1)) : amount
}

function tieredAmount({ mode, steps }: Tiers, size: number, currency: string): Rational {
  if (mode === 'volume') {
    const reached = steps.find(({ upTo }) => upTo === undefined || size <= upTo)
    return multiply(inMinorUnits(reached?.unitPrice ?? '0', currency), whole(size))
  }
  let amount = zero
  let below = 0
  for (const { upTo = Number.POSITIVE_INFINITY, unitPrice } of steps) {
    const slice = Math.max(0, Math.min(size, upTo) - below)
    amount = plus(amount, multiply(inMinorUnits(unitPrice, currency), whole(slice)))
    below = upTo
  }
  return amount
}

/** Who owes what of a rounded line: the payee's own part is owed by nobody. */
function shares(
  { fundedBy }: ContractLine,
  amount: bigint,
  { payer, payee }: Contract,
): Pick<RatedLine, 'debtor' | 'amountMinor'>[] {
  if (!fundedBy) return [{ debtor: payer, amountMinor: amount }]
  return splitByShares(amount, fundedBy)
    .filter(part => part.brand !== payee)
    .map(part => ({ debtor: part.brand, amountMinor: part.amountMinor }))
}

/**
 * Splits an amount by largest remainder; of equal remainders the brand that sorts first gets the unit. A credit is split
 * as its charge would be.
 */
export function splitByShares(
  amount: bigint,
  funding: { brand: string; share: string }[],
): { brand: string; amountMinor: bigint }[] {
  const sign = amount < 0n ? -1n : 1n
  const parts = funding
    .map(({ brand, share }) => {
      const { numerator, denominator } = multiply(parseDecimal(share), whole(amount * sign))
      const floor = numerator / denominator
      return { brand, floor, remainder: { numerator: numerator - floor * denominator, denominator } }
    })
    .sort((a, b) => compare(b.remainder, a.remainder) || (a.brand < b.brand ? -1 : 1))
  const rest = amount * sign - parts.reduce((sum, part) => sum + part.floor, 0n)
  return parts
    .map(({ brand, floor }, index) => ({ brand, amountMinor: sign * (floor + (BigInt(index) < rest ? 1n : 0n)) }))
    .sort((a, b) => (a.brand < b.brand ? -1 : 1))
}

/** Minimum and maximum hold for what the payer owes under the contract, after funding and before tax. */
export function limitLines(contract: Contract, originPeriod: Period, lines: RatedLine[]): RatedLine[] {
  const { minimum, maximum, currency, payer } = contract
  const owed = lines.filter(line => line.debtor === payer).reduce((sum, line) => sum + line.amountMinor, 0n)
  const lowest = minimum === undefined ? undefined : round(inMinorUnits(minimum, currency))
  const highest = maximum === undefined ? undefined : round(inMinorUnits(maximum, currency))
  const limit = (model: 'minimum-top-up' | 'maximum-cut', amountMinor: bigint, position: number): RatedLine => ({
    ...frameOf(contract, originPeriod, position),
    line: model,
    model,
    debtor: payer,
    quantity: 0n,
    amountMinor,
  })
  if (lowest !== undefined && owed < lowest) return [limit('minimum-top-up', lowest - owed, contract.lines.length)]
  if (highest !== undefined && owed > highest) return [limit('maximum-cut', highest - owed, contract.lines.length + 1)]
  return []
}
