import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { exactNumber } from '../settlement/rational.ts'
import { perMilleOf } from './formats.ts'

export type Change = {
  /** Undefined where it was not there. */
  beforeMinor: number | undefined
  nowMinor: number | undefined
  differenceMinor: number
  /** Of what was before; undefined where that was nothing. */
  perMille: number | undefined
  kind: 'new' | 'gone' | 'changed' | 'same'
}
type Pair = { debtor: string; creditor: string; currency: string }
export type StatementChange = Pair & Change & { id: string | undefined }
export type LineChange = Pair &
  Change &
  Pick<StatementLine, 'contract' | 'line' | 'model' | 'benefit'> & {
    /** Billed for earlier months. */
    isLate: boolean
    quantityBefore: number | undefined
    quantityNow: number | undefined
  }

function changeOf(beforeMinor: number | undefined, nowMinor: number | undefined): Change {
  const differenceMinor = (nowMinor ?? 0) - (beforeMinor ?? 0)
  const kind =
    beforeMinor === undefined ? 'new' : nowMinor === undefined ? 'gone' : differenceMinor === 0 ? 'same' : 'changed'
  return { beforeMinor, nowMinor, differenceMinor, perMille: perMilleOf(differenceMinor, beforeMinor ?? 0), kind }
}

const pairKey = ({ debtor, creditor, currency }: Pair): string => `${debtor} ${creditor} ${currency}`

/** Statement by statement, without what is carried from before; the largest difference first. */
export function statementChanges(before: readonly Statement[], now: readonly Statement[]): StatementChange[] {
  const [was, is] = [mapOf(before), mapOf(now)]
  return [...new Set([...is.keys(), ...was.keys()])]
    .flatMap(key => {
      const statement = is.get(key) ?? was.get(key)
      if (!statement) return []
      const { debtor, creditor, currency } = statement
      const change = changeOf(amountOf(was.get(key)), amountOf(is.get(key)))
      return [{ debtor, creditor, currency, id: is.get(key)?.id, ...change }]
    })
    .sort(bySize)
}
const mapOf = (statements: readonly Statement[]) => new Map(statements.map(one => [pairKey(one), one]))
const amountOf = (one: Statement | undefined) => one && exactNumber(BigInt(one.subtotalMinor) + BigInt(one.taxMinor))

/**
 * Line by line, before tax; the largest difference first. A line of the month is compared with the same line of the month
 * before, and what each bills for earlier months with one another.
 */
export function lineChanges(before: readonly Statement[], now: readonly Statement[]): LineChange[] {
  const [was, is] = [linesOf(before), linesOf(now)]
  return [...new Set([...is.keys(), ...was.keys()])]
    .flatMap(key => {
      const [old, fresh] = [was.get(key), is.get(key)]
      const known = fresh ?? old
      if (!known) return []
      const { amount: _amount, quantity: _quantity, ...named } = known
      return [
        {
          ...named,
          ...changeOf(old && exactNumber(old.amount), fresh && exactNumber(fresh.amount)),
          quantityBefore: old && exactNumber(old.quantity),
          quantityNow: fresh && exactNumber(fresh.quantity),
        },
      ]
    })
    .sort(bySize)
}

type Billed = Pair &
  Pick<LineChange, 'contract' | 'line' | 'model' | 'benefit' | 'isLate'> & { amount: bigint; quantity: bigint }

function linesOf(statements: readonly Statement[]): Map<string, Billed> {
  const found = new Map<string, Billed>()
  for (const { period, debtor, creditor, currency, lines } of statements)
    for (const { contract, line, model, benefit, originPeriod, amountMinor, quantity } of lines) {
      const isLate = originPeriod < period
      const key = [pairKey({ debtor, creditor, currency }), contract, line, model, isLate].join(' ')
      const parties = { debtor, creditor, currency }
      const sum = found.get(key) ?? { ...parties, contract, line, model, benefit, isLate, amount: 0n, quantity: 0n }
      sum.amount += BigInt(amountMinor)
      sum.quantity += BigInt(quantity)
      found.set(key, sum)
    }
  return found
}

const size = ({ differenceMinor }: Change): number => Math.abs(differenceMinor)
const bySize = <C extends Change & Pair>(a: C, b: C): number =>
  (a.currency === b.currency ? 0 : a.currency < b.currency ? -1 : 1) ||
  size(b) - size(a) ||
  (pairKey(a) < pairKey(b) ? -1 : pairKey(a) > pairKey(b) ? 1 : 0)
