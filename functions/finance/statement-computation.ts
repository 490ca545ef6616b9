import type { Contract, ContractLine, Tiers } from '../../schemas/contract.ts'
import type { AcceptedUse } from '../../schemas/disposition.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { inMinorUnits, splitByShares } from '../settlement/rate.ts'
import { multiply, parseDecimal, plus, type Rational, round, whole, zero } from '../settlement/rational.ts'

/** What a line is computed from. */
export type LineFacts = {
  statement: Pick<Statement, 'period' | 'debtor' | 'creditor' | 'currency'>
  line: StatementLine
  /** The terms by which it was rated. */
  contract: Contract
  /** Every line of this contract and origin period between the two, billed before or by this statement. */
  billed: { before: StatementLine[]; now: StatementLine[] }
  /** What was decided of exceptions in the period. */
  accepted: readonly AcceptedUse[]
}

/** So much of something at a price; of tiers the step, counted from `above` (exclusive) to `upTo` (inclusive). */
export type Product = { count: string; price: string; amount: string; above?: number; upTo?: number; open?: boolean }

/** How an amount comes about; decimals are exact and in major units, `…Minor` in minor units. */
export type Computation = { currency: string; amountMinor: bigint; billedBeforeMinor?: bigint } & (
  | {
      kind: 'priced'
      counts: 'uses' | 'active-members' | 'entitled-members' | 'sales' | 'month'
      tiers?: Tiers['mode']
      /** More was taken back than used: the credit is what the quantity would cost. */
      isCredit: boolean
      products: Product[]
      exact: string
      roundedMinor: bigint
      /** Who bears the line, where several do. */
      funding?: { brand: string; share: string; amountMinor: bigint; isPayee: boolean }[]
    }
  | { kind: 'limit'; limit: 'minimum' | 'maximum'; limitMinor: bigint; owedMinor: bigint; dueMinor: bigint }
  | { kind: 'decided'; decisions: { exception: string; amountMinor: bigint }[] }
)

/** @returns nothing where the terms given do not make the amount: a page must not explain what is not so */
export function computationOf(facts: LineFacts): Computation | undefined {
  const { line } = facts
  const computed =
    line.model === 'adjustment'
      ? decided(facts)
      : line.model === 'minimum-top-up' || line.model === 'maximum-cut'
        ? limited(facts, line.model)
        : priced(facts)
  return computed?.amountMinor === BigInt(line.amountMinor) ? computed : undefined
}

const isSame = (a: StatementLine) => (b: StatementLine) => a.line === b.line && a.model === b.model
const sumOf = (lines: readonly StatementLine[], of: (line: StatementLine) => number | undefined): bigint =>
  lines.reduce((sum, line) => sum + BigInt(of(line) ?? 0), 0n)
const amountsOf = (lines: readonly StatementLine[]): bigint => sumOf(lines, line => line.amountMinor)

function decided({ line, accepted, statement: { currency } }: LineFacts): Computation {
  const decisions = accepted
    .filter(({ outcome, matched }) => outcome === 'adjusted' && matched.contracts[0] === line.contract)
    .filter(({ matched }) => matched.originPeriod === line.originPeriod)
    .map(({ exception, amountMinor = 0 }) => ({ exception, amountMinor: BigInt(amountMinor) }))
  const amountMinor = decisions.reduce((sum, decision) => sum + decision.amountMinor, 0n)
  return { kind: 'decided', currency, decisions, amountMinor }
}

function limited(
  { line, contract, billed, statement: { currency } }: LineFacts,
  model: 'minimum-top-up' | 'maximum-cut',
): Computation | undefined {
  const limit = model === 'minimum-top-up' ? 'minimum' : 'maximum'
  const price = contract[limit]
  if (price === undefined) return undefined
  const limitMinor = round(inMinorUnits(price, currency))
  const owedMinor = amountsOf([...billed.before, ...billed.now].filter(isUsage))
  const missing = limitMinor - owedMinor
  const isBeyond = limit === 'minimum' ? missing > 0n : missing < 0n
  const dueMinor = isBeyond ? missing : 0n
  return { kind: 'limit', limit, currency, limitMinor, owedMinor, dueMinor, ...difference(line, billed, dueMinor) }
}

const isUsage = ({ model }: StatementLine): boolean =>
  model !== 'minimum-top-up' && model !== 'maximum-cut' && model !== 'adjustment'

/** What remains of an amount when what was billed of it before is taken off. */
function difference(line: StatementLine, { before }: LineFacts['billed'], due: bigint) {
  const own = before.filter(isSame(line))
  if (own.length === 0) return { amountMinor: due }
  const billedBeforeMinor = amountsOf(own)
  return { amountMinor: due - billedBeforeMinor, billedBeforeMinor }
}

function priced({ line, contract, billed, statement }: LineFacts): Computation | undefined {
  const terms = contract.lines.find(({ id, model }) => id === line.line && model === line.model)
  if (!terms) return undefined
  const all = [...billed.before, ...billed.now].filter(isSame(line))
  const { counts, count } = meterOf(terms, all)
  const { currency, debtor } = statement
  // Of a quantity the size is priced, and the sign put to the sum; a share is taken of sales as they are.
  const isCredit = count < 0n && terms.model !== 'revenue-share'
  const parts = partsOf(terms, isCredit ? -count : count, currency)
  const sum = multiply(
    parts.reduce((total, part) => plus(total, part.exact), zero),
    whole(isCredit ? -1n : 1n),
  )
  const roundedMinor = round(multiply(sum, whole(10n ** BigInt(minorUnitDigits(currency)))))
  const funding = fundingOf(terms, roundedMinor, contract)
  const own = funding ? (funding.find(part => part.brand === debtor)?.amountMinor ?? 0n) : roundedMinor
  return {
    kind: 'priced',
    currency,
    counts,
    ...('tiers' in terms && terms.tiers && { tiers: terms.tiers.mode }),
    isCredit,
    products: parts.map(({ exact: amount, ...product }) => ({
      ...product,
      amount: decimalText(amount),
    })),
    exact: decimalText(sum),
    roundedMinor,
    ...(funding && { funding }),
    ...difference(line, billed, own),
  }
}

function meterOf({ model }: ContractLine, lines: readonly StatementLine[]) {
  switch (model) {
    case 'per-use':
      return { counts: 'uses', count: sumOf(lines, line => line.quantity) } as const
    case 'per-active-member':
      return { counts: 'active-members', count: sumOf(lines, line => line.members) } as const
    case 'per-entitled-member':
      return { counts: 'entitled-members', count: sumOf(lines, line => line.members) } as const
    case 'revenue-share':
      return { counts: 'sales', count: sumOf(lines, line => line.amountBaseMinor) } as const
    case 'flat':
      return { counts: 'month', count: 1n } as const
  }
}

type Part = Omit<Product, 'amount'> & { exact: Rational }

function partsOf(terms: ContractLine, count: bigint, currency: string): Part[] {
  if (terms.model === 'flat') return [part(1n, terms.fee ?? terms.unitPrice ?? '0')]
  if (terms.model === 'revenue-share') return [revenuePart(terms.share, count, currency)]
  if (!terms.tiers) return [part(count, terms.unitPrice ?? '0')]
  const { mode, steps } = terms.tiers
  const ranges = steps.map(({ upTo, unitPrice }, index) => ({ above: steps[index - 1]?.upTo ?? 0, upTo, unitPrice }))
  const reached = ranges.filter(({ above, upTo }) =>
    mode === 'graduated'
      ? count > BigInt(above) || above === 0
      : (count > BigInt(above) || above === 0) && (upTo === undefined || count <= BigInt(upTo)),
  )
  return reached.map(({ above, upTo, unitPrice }) => {
    const top = upTo === undefined || count <= BigInt(upTo) ? count : BigInt(upTo)
    const size = mode === 'graduated' ? top - BigInt(above) : count
    return { ...part(size, unitPrice), above, ...(upTo === undefined ? { open: true } : { upTo }) }
  })
}

const part = (count: bigint, price: string): Part => ({
  count: String(count),
  price,
  exact: multiply(whole(count), parseDecimal(price)),
})

/** A share of sales, which may be more taken back than sold. */
function revenuePart(share: string, baseMinor: bigint, currency: string): Part {
  const base = { numerator: baseMinor, denominator: 10n ** BigInt(minorUnitDigits(currency)) }
  return { count: decimalText(base), price: share, exact: multiply(base, parseDecimal(share)) }
}

function fundingOf({ fundedBy }: ContractLine, amount: bigint, { payee }: Contract) {
  if (!fundedBy) return undefined
  const shares = new Map(fundedBy.map(({ brand, share }) => [brand, share]))
  return splitByShares(amount, fundedBy).map(({ brand, amountMinor }) => ({
    brand,
    amountMinor,
    share: shares.get(brand) ?? '0',
    isPayee: brand === payee,
  }))
}

/** A fraction of tens, hundreds … as a decimal, exactly: prices and shares make no other. */
export function decimalText({ numerator, denominator }: Rational): string {
  const digits = String(denominator).length - 1
  const size = String(numerator < 0n ? -numerator : numerator).padStart(digits + 1, '0')
  const fraction = digits === 0 ? '' : size.slice(-digits).replace(/0+$/, '')
  const integer = digits === 0 ? size : size.slice(0, -digits)
  return `${numerator < 0n ? '-' : ''}${integer}${fraction && `.${fraction}`}`
}
