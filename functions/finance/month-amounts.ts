import type { Statement } from '../../schemas/settlement.ts'
import { exactNumber } from '../settlement/rational.ts'

/** What a brand is owed and owes by a month's statements, tax with it; what was carried from before is left out. */
export type BrandAmount = {
  brand: string
  currency: string
  owedMinor: number
  owesMinor: number
  netMinor: number
  /** Net of the month before; undefined where there is none. */
  beforeMinor: number | undefined
}

type Sum = { brand: string; currency: string; owed: bigint; owes: bigint }

/** Every brand but the programme's own, the one that costs most first. */
export function amountsByBrand(
  statements: readonly Statement[],
  before: readonly Statement[] | undefined,
  operator: string,
): BrandAmount[] {
  const now = sums(statements)
  const earlier = before && sums(before)
  const keys = [...new Set([...now.keys(), ...(earlier?.keys() ?? [])])]
  return keys
    .flatMap(key => {
      const known = now.get(key) ?? earlier?.get(key)
      if (!known || known.brand === operator) return []
      const { owed, owes } = now.get(key) ?? { owed: 0n, owes: 0n }
      const past = earlier?.get(key)
      return [
        {
          brand: known.brand,
          currency: known.currency,
          owedMinor: exactNumber(owed),
          owesMinor: exactNumber(owes),
          netMinor: exactNumber(owed - owes),
          beforeMinor: earlier && exactNumber(past ? past.owed - past.owes : 0n),
        },
      ]
    })
    .sort(byAmount)
}

const byAmount = (a: BrandAmount, b: BrandAmount): number =>
  compareText(a.currency, b.currency) || b.netMinor - a.netMinor || compareText(a.brand, b.brand)
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function sums(statements: readonly Statement[]): Map<string, Sum> {
  const found = new Map<string, Sum>()
  const of = (brand: string, currency: string): Sum => {
    const key = `${brand} ${currency}`
    const sum = found.get(key) ?? { brand, currency, owed: 0n, owes: 0n }
    found.set(key, sum)
    return sum
  }
  for (const { debtor, creditor, currency, subtotalMinor, taxMinor } of statements) {
    const amount = BigInt(subtotalMinor) + BigInt(taxMinor)
    of(creditor, currency).owed += amount
    of(debtor, currency).owes += amount
  }
  return found
}
