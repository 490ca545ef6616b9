import type { MatchedUse } from '../../schemas/disposition.ts'
import type { UsageSum } from './chain-run.ts'
import { packPiece, unpackPiece } from './piece.ts'
import { quickHash } from './shard.ts'
import type { Part } from './spill.ts'

/** A contract's benefit in an origin period, as text. */
export type RowKey = string

type Row = Pick<UsageSum, 'contract' | 'benefit' | 'originPeriod' | 'quantity' | 'amountMinor' | 'sales' | 'fresh'>
/** Row and subject with the uses that were not taken back. */
type Uses = { rows: RowKey[]; row: Uint32Array; subjects: string[]; nets: Float64Array }

export const rowKey = ({ contract, benefit, originPeriod }: Pick<Row, 'contract' | 'benefit' | 'originPeriod'>) =>
  `${contract}\n${benefit}\n${originPeriod}`

/** What exact integers still hold with any one line added. */
const carryAt = 2 ** 52

type OpenRow = Row & { uses: Map<string, number>; pendingAmount: number }

/** Sums up matched uses by row, and counts those of each subject. */
export function usageSums() {
  const rows = new Map<RowKey, OpenRow>()
  const byContract = new Map<string, Map<string, OpenRow>>()
  const rowOf = (contract: string, { benefit, originPeriod }: MatchedUse): OpenRow => {
    const known = byContract.get(contract)?.get(originPeriod)
    if (known?.benefit === benefit) return known
    const key = rowKey({ contract, benefit, originPeriod })
    const empty = { quantity: 0n, amountMinor: 0n, pendingAmount: 0, sales: 0, fresh: false, uses: new Map() }
    const row = rows.get(key) ?? { contract, benefit, originPeriod, ...empty }
    rows.set(key, row)
    // The benefit that came last: most contracts have one.
    const periods = byContract.get(contract) ?? new Map<string, OpenRow>()
    byContract.set(contract, periods.set(originPeriod, row))
    return row
  }
  const carry = (row: OpenRow): void => {
    row.amountMinor += BigInt(row.pendingAmount)
    row.pendingAmount = 0
  }
  return {
    add(matched: MatchedUse, fresh: boolean): void {
      const one = matched.type === 'use' ? 1 : -1
      for (const contract of matched.contracts) {
        const row = rowOf(contract, matched)
        row.quantity += BigInt(matched.quantity)
        row.uses.set(matched.subject, (row.uses.get(matched.subject) ?? 0) + one)
        row.fresh ||= fresh
        if (matched.amountMinor === undefined) continue
        // Numbers add up several times as fast as bigints.
        row.pendingAmount += matched.amountMinor
        if (Math.abs(row.pendingAmount) > carryAt) carry(row)
        row.sales += one
      }
    },
    /** The rows, and the uses of subjects by their shard. */
    parts({ shards, seed }: { shards: number; seed: number }): Part[] {
      if (rows.size === 0) return []
      for (const row of rows.values()) carry(row)
      const plain = Array.from(rows.values(), ({ uses: _, pendingAmount: __, quantity, amountMinor, ...row }) => ({
        ...row,
        quantity: String(quantity),
        amountMinor: String(amountMinor),
      }))
      return [['sums', Buffer.from(JSON.stringify(plain))], ...usesParts(rows, shards, seed)]
    },
  }
}

function usesParts(rows: Map<RowKey, { uses: Map<string, number> }>, shards: number, seed: number): Part[] {
  const keys = [...rows.keys()]
  const split = Array.from({ length: shards }, () => ({
    row: [] as number[],
    subjects: [] as string[],
    nets: [] as number[],
  }))
  for (const [index, { uses }] of [...rows.values()].entries()) {
    for (const [subject, net] of uses) {
      const shard = split[quickHash(subject, seed) & (shards - 1)]
      if (net === 0 || !shard) continue
      shard.row.push(index)
      shard.subjects.push(subject)
      shard.nets.push(net)
    }
  }
  return split.flatMap(({ row, subjects, nets }, shard): Part[] =>
    row.length === 0
      ? []
      : [
          [
            `uses-${shard}`,
            packPiece({
              counts: [Uint32Array.from(row)],
              numbers: [Float64Array.from(nets)],
              json: JSON.stringify([keys, subjects]),
            }),
          ],
        ],
  )
}

export function usesOf(bytes: Uint8Array): Uses {
  const { counts, numbers, json } = unpackPiece(bytes)
  const [rows, subjects] = JSON.parse(json) as [RowKey[], string[]]
  return { rows, subjects, row: counts[0] ?? new Uint32Array(), nets: numbers[0] ?? new Float64Array() }
}

/** Rows of several steps as one. */
export function addSums(into: Map<RowKey, Row>, bytes: Uint8Array): void {
  const plain = JSON.parse(Buffer.from(bytes).toString()) as (Omit<Row, 'quantity' | 'amountMinor'> & {
    quantity: string
    amountMinor: string
  })[]
  for (const { quantity, amountMinor, ...row } of plain) {
    const before = into.get(rowKey(row)) ?? { ...row, quantity: 0n, amountMinor: 0n, sales: 0, fresh: false }
    into.set(rowKey(row), {
      ...before,
      quantity: before.quantity + BigInt(quantity),
      amountMinor: before.amountMinor + BigInt(amountMinor),
      sales: before.sales + row.sales,
      fresh: before.fresh || row.fresh,
    })
  }
}
export type SummedRow = Row
