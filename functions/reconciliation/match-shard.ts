import type { HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import { type AccountingBounds, accountedIn, accountingBounds, type ProgrammeCalendar } from './accounting.ts'
import type { History } from './chain-run.ts'
import { asRepetition, entitlementOf, type FirstDisposition } from './classify.ts'
import { repeatedLines } from './classify-shard.ts'
import { packOutcomes } from './outcome-piece.ts'
import { aloneCodes, type BatchFacts, type ReceivedEvent, unpackLineColumns, unpackRange } from './range-piece.ts'
import type { Run } from './run-plan.ts'
import { type EntitlementLine, settleEntitlement } from './settle-entitlement.ts'
import { bucketsOfShard } from './shard.ts'
import type { Part } from './spill.ts'
import { stepNames } from './step-names.ts'
import { usageSums } from './usage-sums.ts'

/** Its event has the defaults filled in, and it is given its period, once it is known to go on to the second pass. */
type Line = Omit<EntitlementLine, 'event' | 'period'> & {
  range: number
  batch: BatchFacts
  event: ReceivedEvent
  period: Period | undefined
  disposition: FirstDisposition | undefined
}

/** Steps 5 to 12 of the dispositions for the lines of one shard of entitlements. */
export async function matchShard(run: Run, shard: number, bucket: History['bucket']): Promise<Part[]> {
  const { inputs, plan, rules } = run
  const byRange: LineOutcome[][] = plan.ranges.map(() => [])
  const sums = usageSums()
  const entitlements = await bucketEntries(bucketsOfShard(shard, plan.shards), bucket)
  for (const [id, lines] of await linesByEntitlement(run, shard)) {
    const entitlement = entitlementOf(entitlements, inputs.partner, id)
    const programme = entitlement && rules.calendars.get(entitlement.programme)
    if (!entitlement) for (const line of lines) byRange[line.range]?.push(plainOutcome(line))
    if (!entitlement || !programme) continue
    const candidates: EntitlementLine[] = []
    for (const line of lines) {
      const period = line.final?.period ?? periodOf(line, programme)
      if (inputs.through !== undefined && period > inputs.through) continue
      if (!line.disposition) candidates.push(candidateOf(line, period))
      else if (!line.final) byRange[line.range]?.push({ ...plainOutcome(line), programme: programme.id, period })
    }
    const terms = { entitlement, days: programme.days, coverage: rules.coverage }
    for (const outcome of settleEntitlement(terms, candidates)) {
      byRange[rangeOf(plan.ranges, outcome.sequence)]?.push(outcome)
      if (outcome.matched) sums.add(outcome.matched, true)
    }
  }
  const outcomes = byRange.flatMap((own, range): Part[] =>
    own.length > 0 ? [[`outcomes-${range}`, packOutcomes(own)]] : [],
  )
  return [...outcomes, ...sums.parts(plan)]
}

function plainOutcome({ partner, sequence, line, event, disposition }: Line): LineOutcome {
  return { partner, sequence, line, id: event.id, disposition: disposition ?? 'unknown-entitlement' }
}

/** With the defaults that the schema fills in. */
function candidateOf(line: Line, period: Period): EntitlementLine {
  line.event.type ??= 'use'
  line.event.quantity ??= 1
  // The same object: a run makes one for each line as it is, and they are what it spends its time on.
  line.period = period
  return line as EntitlementLine
}

async function bucketEntries(buckets: number[], bucket: History['bucket']): Promise<ReadonlyMap<string, HistoryEntry>> {
  const [first, ...more] = await Promise.all(buckets.map(bucket))
  if (!first || more.length === 0) return first ?? new Map()
  const all = new Map(first)
  for (const entries of more) for (const [id, entry] of entries) all.set(id, entry)
  return all
}

/** The batches of a range share their bounds of a programme. */
const boundsOfBatch = new WeakMap<BatchFacts, Map<ProgrammeCalendar, AccountingBounds>>()

function periodOf({ batch, at }: Line, programme: ProgrammeCalendar): Period {
  const known = boundsOfBatch.get(batch) ?? new Map<ProgrammeCalendar, AccountingBounds>()
  boundsOfBatch.set(batch, known)
  const bounds = known.get(programme) ?? accountingBounds(batch, programme)
  known.set(programme, bounds)
  return accountedIn(programme.days.dayAt(at).slice(0, 7) as Period, bounds)
}

/** The range in which a batch lies. */
function rangeOf(ranges: Run['plan']['ranges'], sequence: number): number {
  let low = 0
  let high = ranges.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.upTo ?? 0) < sequence) low = middle + 1
    else high = middle
  }
  return low
}

/** All lines of a shard in the order of the chain, by entitlement, after the first pass. */
async function linesByEntitlement(run: Run, shard: number): Promise<Map<string, Line[]>> {
  const { plan, steps } = run
  const repeated = await repeatedLines(run, shard)
  const byEntitlement = new Map<string, Line[]>()
  const suspects: { line: Line; isRepeated: boolean }[] = []
  const all: Line[][] = []
  const suspectIds = new Set<string>()
  for (let range = 0; range < plan.ranges.length; range++) {
    const bytes = await steps.read(stepNames.shuffle(range), `lines-${shard}`)
    const facts = await steps.read(stepNames.shuffle(range), 'range')
    if (!bytes || !facts) continue
    const lines = readLines({ partner: run.inputs.partner, range }, bytes, unpackRange(facts).batches)
    for (const place of repeated.get(range) ?? []) suspectIds.add(lines[place]?.event.id ?? '')
    all.push(lines)
  }
  for (const lines of all) {
    for (const [place, line] of lines.entries()) {
      const others = byEntitlement.get(line.event.entitlementId)
      if (others) others.push(line)
      else byEntitlement.set(line.event.entitlementId, [line])
      if (suspectIds.size === 0 || line.disposition !== undefined || !suspectIds.has(line.event.id)) continue
      suspects.push({ line, isRepeated: repeated.get(line.range)?.has(place) ?? false })
    }
  }
  judgeRepetition(suspects)
  return byEntitlement
}

function readLines(
  { partner, range }: { partner: string; range: number },
  bytes: Uint8Array,
  batches: BatchFacts[],
): Line[] {
  const { batches: batchOf, lines, alone, times, events, finals } = unpackLineColumns(bytes)
  return events.map((event, place) => {
    const batch = batches[batchOf[place] ?? 0]
    if (!batch) throw new Error('a line of a reconciliation run is of no batch')
    return {
      partner,
      sequence: batch.sequence,
      range,
      batch,
      period: undefined,
      line: lines[place] ?? 0,
      at: times[place] ?? 0,
      event,
      disposition: aloneCodes[alone[place] ?? 0],
      final: finals.size > 0 ? finals.get(place) : undefined,
    }
  })
}

/**
 * Step 5 and the rest of step 4, over lines whose ids come more than once, in the order of the chain. A line that a
 * close made final stays what it is and counts as an earlier line all the same.
 */
function judgeRepetition(suspects: { line: Line; isRepeated: boolean }[]): void {
  const contents = new Map<string, Set<string>>()
  for (const { line, isRepeated } of suspects) {
    const earlier = contents.get(line.event.id) ?? new Set()
    contents.set(line.event.id, earlier)
    const content = canonicalJson(line.event)
    if (isRepeated) line.disposition = earlier.has(content) ? 'duplicate' : 'conflict'
    if (line.final) line.disposition = asRepetition(line.final.disposition)
    earlier.add(content)
  }
}
