import type { Disposition } from '../../schemas/disposition.ts'
import type { BatchId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { ProvisionalBatch, ProvisionalRun } from '../../schemas/usage-view.ts'
import { againOnConflict, Conflict, type Table, type Write } from '../kernel/table.ts'
import { manifestOf, usageHead } from '../usage/read.ts'
import { packLines } from '../usage/segments.ts'
import { type ChainNeeds, type PresentInputs, presentInputs } from './chain-inputs.ts'
import { isShortChain, type JudgedLine, judgedBatches } from './judged-lines.ts'
import { batchOf } from './provisional-rows.ts'
import {
  batchWrite,
  daysRemoval,
  daysWrite,
  findRun,
  putRun,
  storedBatches,
  storedDays,
  writeWithin,
} from './provisional-store.ts'
import { isWhole } from './request-run.ts'
import { type DaySums, daySums, daysOfProgrammes, storedDay } from './usage-days.ts'

/** What is exceptional in a batch now, whole: what it does not name is no exception (any more). */
export type BatchFindings = {
  partner: string
  batch: BatchId
  sequence: number
  receivedAt: Instant
  /** Up to which sequence the chain was read. */
  upTo: number
  findings: Finding[]
}
export type Finding = Pick<JudgedLine, 'line' | 'event' | 'programme' | 'period' | 'final'> & {
  disposition: Exclude<Disposition, 'matched' | 'duplicate'>
}

export type ProvisionalNeeds = ChainNeeds & {
  /** Told of each batch whose dispositions are new or other ones; the same again must change nothing. */
  noteExceptions: (batch: BatchFindings) => Promise<void>
}
/** Without a sequence, whatever the last batch is. */
type Named = { partner: string; sequence?: number }

/**
 * Judges a partner's chain after a new batch: makes known what is exceptional, and stores what became of each batch of
 * which that has changed. Records of the stream may come twice, late and out of order: the chain is judged as it is now,
 * and a batch that is not the last one is left to the record of that one. Two at once shut each other out: who is
 * overtaken looks again.
 * @throws Conflict when rivals overtook every attempt
 */
export async function reconcileBatch(needs: ProvisionalNeeds, { partner, sequence = Infinity }: Named): Promise<void> {
  const { table } = needs
  await againOnConflict(async () => {
    const head = await usageHead({ table }, partner)
    if (!head || head.sequence === 0 || head.sequence > sequence) return
    const before = await findRun(table, partner)
    const inputs = await presentInputs(needs, { partner, upTo: head.sequence })
    if (before && isWhole(before, inputs)) return
    // A long chain is judged whole before its first batch comes: what is stored can be read until then.
    const batches = judgedBatches({ table }, inputs, { isShort: isShortChain(head, needs.shortChain) })
    try {
      const first = await batches.next()
      const version = (before?.version ?? 0) + 1
      const { upTo, basis } = inputs
      const run: ProvisionalRun = { partner, version, state: 'writing', upTo, basis, startedAt: needs.wallNow() }
      await putRun(table, run, before)
      await writeRun(needs, run, { inputs, first, batches })
      await putRun(table, { ...run, state: 'whole' }, run)
    } finally {
      await batches.return(undefined)
    }
  })
}

type Judging = {
  inputs: PresentInputs
  first: IteratorResult<JudgedLine[]>
  batches: AsyncGenerator<JudgedLine[]>
}

/** DynamoDB takes 100 writes and 4 MB at a time; a batch has 30 KB at most. */
const batchesAtOnce = 50

async function writeRun(
  needs: ProvisionalNeeds,
  run: ProvisionalRun,
  { inputs, first, batches }: Judging,
): Promise<void> {
  const { table } = needs
  const sums = daySums(daysOfProgrammes(inputs.programmes))
  const stored = storedBatches(table, { partner: run.partner, from: 1, upTo: run.upTo })
  let known = await stored.next()
  let writes: Write[] = []
  for (let next = first; !next.done; next = await batches.next()) {
    const lines = next.value
    for (const line of lines) sums.add(line)
    const record = batchOf(lines)
    while (!known.done && known.value.sequence < record.sequence) known = await stored.next()
    if (!known.done && isSame(known.value, record)) continue
    await noteFindings(needs, run, lines)
    writes.push(batchWrite(record))
    if (writes.length < batchesAtOnce) continue
    await writeWithin(table, run, writes)
    writes = []
  }
  if (writes.length > 0) await writeWithin(table, run, writes)
  await writeDays(table, run, sums)
}

const isSame = (a: ProvisionalBatch, b: ProvisionalBatch): boolean => a.sequence === b.sequence && a.hash === b.hash

/**
 * Before the batch is stored: a run that breaks off in between finds it changed again.
 * @throws Conflict when a rival has begun another run: what this one found may be outdated
 */
async function noteFindings(
  { table, noteExceptions }: ProvisionalNeeds,
  { upTo, version }: ProvisionalRun,
  lines: JudgedLine[],
) {
  const [first] = lines
  if (!first) return
  const { partner, sequence, receivedAt } = first
  const [manifest, latest] = await Promise.all([manifestOf({ table }, { partner, sequence }), findRun(table, partner)])
  if (latest?.version !== version) throw new Conflict([])
  if (!manifest) throw new Error(`batch ${sequence} of ${partner} has no manifest`)
  const findings = lines.flatMap(({ line, event, programme, period, final, disposition }): Finding[] => {
    if (disposition === 'matched' || disposition === 'duplicate') return []
    return [
      {
        line,
        disposition,
        final,
        ...(event && { event }),
        ...(programme !== undefined && { programme }),
        ...(period !== undefined && { period }),
      },
    ]
  })
  await noteExceptions({ partner, batch: manifest.id, sequence, receivedAt, upTo, findings })
}

/** Days are packed anew for each run; what an earlier one needed more items for is removed. */
async function writeDays(table: Table, run: ProvisionalRun, sums: DaySums): Promise<void> {
  const { partner } = run
  const stale = new Map<string, Write>()
  for await (const { period, index } of storedDays(table, partner))
    stale.set(`${period}#${index}`, daysRemoval({ partner, period, index }))
  for (const period of sums.periods()) {
    const rows = sums.of(period).map(sum => Buffer.from(JSON.stringify(storedDay(sum))))
    for (const [index, { lines, data }] of packLines(rows).entries()) {
      stale.delete(`${period}#${index}`)
      await writeWithin(table, run, [daysWrite({ partner, period, index, lines, data })])
    }
  }
  for (const removal of stale.values()) await writeWithin(table, run, [removal])
}
