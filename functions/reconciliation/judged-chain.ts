import type { Period } from '../../schemas/primitives.ts'
import { type LineKind, StoredDay } from '../../schemas/usage-view.ts'
import { Refusal } from '../kernel/refusal.ts'
import { eachLine, usageHead } from '../usage/read.ts'
import { unpackLines } from '../usage/segments.ts'
import { type ChainNeeds, type PresentInputs, presentInputs } from './chain-inputs.ts'
import { isShortChain, type JudgedLine, judgedBatches } from './judged-lines.ts'
import { joinBatch, kindsOf } from './provisional-rows.ts'
import { findRun, storedBatches, storedDays } from './provisional-store.ts'
import { askForRun, isWhole } from './request-run.ts'
import { type DaySum, daySumOf, daySums, daysOfProgrammes } from './usage-days.ts'

/** A batch with what became of its lines, which are read when they are asked for. */
export type JudgedBatch = { sequence: number; kinds: readonly LineKind[]; lines: () => Promise<JudgedLine[]> }

/** What became of a partner's lines, as it stands at one moment. */
export type JudgedChain = {
  /** Batches up to and with this sequence are judged. */
  upTo: number
  inputs: PresentInputs
  /** In the order of the chain, both ends included. */
  batches: (range: { from: number; upTo: number }) => AsyncIterable<JudgedBatch>
  /** Of a period, in the order of `dayKey`. */
  days: (period: Period) => Promise<DaySum[]>
}

/**
 * A short chain is judged anew, exactly. A longer one is read from what the last run stored of it, however old: the
 * batches after that are not in it.
 * @throws Refusal busy, with Retry-After, when there is no run by the present contracts, or `atLeast` is not in it
 */
export async function judgedChain(
  needs: ChainNeeds,
  { partner, atLeast = 0 }: { partner: string; atLeast?: number },
): Promise<JudgedChain> {
  const head = (await usageHead(needs, partner)) ?? { sequence: 0, lines: 0 }
  const inputs = await presentInputs(needs, { partner, upTo: head.sequence })
  if (isShortChain(head, needs.shortChain)) return judgedNow(needs, inputs)
  const run = await findRun(needs.table, partner)
  if (!run || !isWhole(run, { upTo: atLeast, basis: inputs.basis })) {
    await askForRun(needs, inputs, run)
    throw new Refusal('busy', 'these lines are being reconciled; ask again', {
      headers: { 'retry-after': String(retrySeconds) },
    })
  }
  return storedRun(needs, inputs, Math.min(run.upTo, head.sequence))
}

const retrySeconds = 5

async function judgedNow({ table }: ChainNeeds, inputs: PresentInputs): Promise<JudgedChain> {
  const batches = await Array.fromAsync(judgedBatches({ table }, inputs, { isShort: true }))
  return {
    upTo: inputs.upTo,
    inputs,
    async *batches({ from, upTo }) {
      for (const lines of batches.slice(from - 1, upTo)) {
        const sequence = lines[0]?.sequence ?? 0
        yield { sequence, kinds: kindsOf(lines).kinds, lines: async () => lines }
      }
    },
    async days(period) {
      const sums = daySums(daysOfProgrammes(inputs.programmes))
      for (const lines of batches) for (const line of lines) if (line.period === period) sums.add(line)
      return sums.of(period)
    },
  }
}

function storedRun({ table }: ChainNeeds, inputs: PresentInputs, last: number): JudgedChain {
  const { partner } = inputs
  return {
    upTo: last,
    inputs,
    async *batches({ from, upTo }) {
      const range = { from, upTo: Math.min(upTo, last) }
      if (range.upTo < from) return
      for await (const stored of storedBatches(table, { partner, ...range })) {
        const { sequence, kinds } = stored
        const read = () => Array.fromAsync(eachLine({ table }, { partner, from: sequence, upTo: sequence }))
        yield { sequence, kinds, lines: async () => joinBatch(stored, await read()) }
      }
    },
    async days(period) {
      const sums: DaySum[] = []
      for await (const { data } of storedDays(table, partner, period))
        for (const row of unpackLines(data))
          sums.push(daySumOf(StoredDay.parse(JSON.parse(Buffer.from(row).toString()))))
      return sums
    },
  }
}
