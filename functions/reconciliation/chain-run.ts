import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry, LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { eachLine } from '../usage/read.ts'
import { lineKey } from './classify.ts'
import { type Programme, reconcileLines } from './reconcile-lines.ts'

/** Where a run looks up the entitlements of its partner. */
export type History = {
  /** Those of the ids that exist at the partner, by id. */
  find(ids: Iterable<string>): Promise<Map<string, HistoryEntry>>
  /** All of a bucket (`bucketOf` of the id), by id. */
  bucket(index: number): Promise<Map<string, HistoryEntry>>
}

/** Everything that the dispositions of a partner's chain depend on. */
export type ChainInputs = {
  partner: string
  /** Batches up to and with this sequence. */
  upTo: number
  programmes: readonly (Programme & { openFrom: Period })[]
  /** Of all programmes that the partner serves. */
  contracts: readonly Contract[]
  history: History
  /** What closes made final of the batches of a range, both ends included, in the order of (sequence, line). */
  finals(range: { from: number; upTo: number }): AsyncIterable<LineOutcome>
  /** Lines of later accounting periods are left out. */
  through?: Period
}

/** Matched usage of a contract's benefit in an origin period, what closes made final included. */
export type UsageSum = Pick<UsageTotal, 'contract' | 'benefit' | 'originPeriod' | 'activeMembers' | 'sales'> & {
  quantity: bigint
  amountMinor: bigint
  /** Whether a line that is not final is among it. */
  fresh: boolean
}

export type ChainRun = {
  /** Outcomes of the lines that no close made final, in the order of (sequence, line), piece by piece. */
  outcomes(): AsyncGenerator<LineOutcome[]>
  /** In no particular order. */
  sums: UsageSum[]
}

type Needs = { table: Table }

/**
 * Both passes over a partner's chain: a function of its inputs and the stored batches, whenever and however often it
 * runs.
 */
export async function runChain({ table }: Needs, inputs: ChainInputs): Promise<ChainRun> {
  const { partner, upTo, programmes, contracts, history, through } = inputs
  const lines = await Array.fromAsync(eachLine({ table }, { partner, upTo }))
  const entitlements = await history.find(lines.flatMap(({ event }) => (event ? [event.entitlementId] : [])))
  const settled = await Array.fromAsync(inputs.finals({ from: 1, upTo }))
  const finals = new Map(settled.map(outcome => [lineKey(outcome), outcome]))
  const fresh = reconcileLines(lines, { entitlements, contracts, programmes, finals, ...(through && { through }) })
  return {
    sums: sumsOf(settled, fresh),
    async *outcomes() {
      yield fresh
    },
  }
}

function sumsOf(settled: LineOutcome[], fresh: LineOutcome[]): UsageSum[] {
  const sums = new Map<string, UsageSum & { uses: Map<string, number> }>()
  const add = (
    { benefit, originPeriod, subject, type, quantity, amountMinor, contracts }: MatchedUse,
    isFresh: boolean,
  ) => {
    for (const contract of contracts) {
      const key = `${contract}\n${benefit}\n${originPeriod}`
      const empty = { quantity: 0n, amountMinor: 0n, sales: 0, activeMembers: 0, fresh: false, uses: new Map() }
      const sum = sums.get(key) ?? { contract, benefit, originPeriod, ...empty }
      const one = type === 'use' ? 1 : -1
      sum.quantity += BigInt(quantity)
      sum.amountMinor += BigInt(amountMinor ?? 0)
      if (amountMinor !== undefined) sum.sales += one
      sum.uses.set(subject, (sum.uses.get(subject) ?? 0) + one)
      sum.fresh ||= isFresh
      sums.set(key, sum)
    }
  }
  for (const { matched } of settled) if (matched) add(matched, false)
  for (const { matched } of fresh) if (matched) add(matched, true)
  return [...sums.values()].map(({ uses, ...sum }) => ({
    ...sum,
    activeMembers: [...uses.values()].filter(count => count > 0).length,
  }))
}
