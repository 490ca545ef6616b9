import type { LineOutcome } from '../../schemas/disposition.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { ahead, type SourcePiece } from './chain-source.ts'
import { asAlone, entitlementOf, isFuture, isOlder, lateDaysOf } from './classify.ts'
import { compactLine, isPadded } from './compact-line.ts'
import { packPiece } from './piece.ts'
import { type Alone, lineColumns, packRange, type RangeFacts, type ReceivedEvent } from './range-piece.ts'
import type { Run } from './run-plan.ts'
import { entitlementShard, quickHash } from './shard.ts'
import type { Part } from './spill.ts'
import { usageSums } from './usage-sums.ts'

/** A line with what is known of it by itself. */
type Line = {
  text: string
  event: ReceivedEvent
  line: number
  at: number
  alone: Alone
  /** Whether it takes the entitlement to tell if it is too late. */
  isUnsure: boolean
  final?: LineOutcome
}

/**
 * Reads a range of batches and what closes made final of it. Steps 1 to 3 of the dispositions are done here. Gives each
 * line to the shard of its entitlement, and its id, unless it is no earlier line for others, to that of its event id.
 */
export async function shuffleRange(run: Run, range: number): Promise<Part[]> {
  const { inputs, source, plan } = run
  const bounds = plan.ranges[range]
  if (!bounds) throw new Error(`a run of ${plan.ranges.length} ranges has none of number ${range}`)
  const facts: RangeFacts = { batches: [], malformed: [] }
  const sums = usageSums()
  const finals = finalsCursor(inputs.finals(bounds), ({ matched }) => matched && sums.add(matched, false))
  const out = emitter(run)
  const late = lateJudge(run, out)
  for await (const batch of source.batches(bounds)) {
    const { sequence, receivedAt, oldestOpen } = batch
    const received = epochMilliseconds(receivedAt)
    const index = facts.batches.push({ sequence, receivedAt, oldestOpen }) - 1
    let count = 0
    for await (const piece of ahead(source.pieces(batch))) {
      count += piece.texts.length
      const lines = await readPiece(run, { sequence, received }, piece, finals, facts)
      for (const line of lines) late.add(line, { batch: index, received })
      if (late.isFull()) await late.flush()
    }
    if (count !== batch.lines) throw new Error(`batch ${batch.id} has ${count} lines, its manifest ${batch.lines}`)
  }
  await late.flush()
  await finals.end()
  return [['range', packRange(facts)], ...out.parts(), ...sums.parts(plan)]
}

type FinalsCursor = ReturnType<typeof finalsCursor>

/** Walks through finals beside the lines, both in the order of (sequence, line). */
function finalsCursor(finals: AsyncIterable<LineOutcome>, note: (final: LineOutcome) => void) {
  const source = finals[Symbol.asyncIterator]()
  let next: LineOutcome | undefined
  let started = false
  const advance = async () => {
    const { done, value } = await source.next()
    next = done ? undefined : value
    if (next) note(next)
  }
  return {
    /** Those of the lines of a batch from one number up to another. */
    async upTo(sequence: number, last: number): Promise<Map<number, LineOutcome>> {
      const found = new Map<number, LineOutcome>()
      if (!started) await advance()
      started = true
      while (next && (next.sequence < sequence || (next.sequence === sequence && next.line <= last))) {
        if (next.sequence === sequence) found.set(next.line, next)
        await advance()
      }
      return found
    },
    async end(): Promise<void> {
      if (!started) await advance()
      while (next) await advance()
    },
  }
}

async function readPiece(
  run: Run,
  { sequence, received }: { sequence: number; received: number },
  { firstLine, texts, malformed }: SourcePiece,
  cursor: FinalsCursor,
  facts: RangeFacts,
): Promise<Line[]> {
  const finals = await cursor.upTo(sequence, firstLine + texts.length - 1)
  const bad = malformed.length > 0 ? new Set(malformed) : undefined
  // A short line among long ones would keep the whole segment in memory, too.
  const compact = texts.some(isPadded)
  const lines: Line[] = []
  for (let index = 0; index < texts.length; index++) {
    const number = firstLine + index
    if (bad?.has(number)) {
      facts.malformed.push({ sequence, line: number })
      continue
    }
    const text = texts[index] ?? ''
    const event = JSON.parse(text) as ReceivedEvent
    const at = Date.parse(event.occurredAt)
    const final = finals.size > 0 ? finals.get(number) : undefined
    const alone = final ? asAlone(final.disposition) : byAge(run, event, received - at)
    const kept = compact ? compactLine(text, event) : text
    const isUnsure = alone === 'unsure'
    const line: Line = { text: kept, event, line: number, at, alone: isUnsure ? undefined : alone, isUnsure }
    if (final) line.final = final
    lines.push(line)
  }
  return lines
}

/** Only between the bounds does it depend on the entitlement's programme whether an event is too late. */
function byAge({ rules }: Run, { benefit }: { benefit: string }, age: number): Alone | 'unsure' {
  if (isFuture(age)) return 'future'
  if (age <= 0) return undefined
  const { least, most } = rules.lateBounds(benefit)
  if (!isOlder(age, least)) return undefined
  return isOlder(age, most) ? 'too-late' : 'unsure'
}

type Place = { batch: number; received: number }
type Held = Place & { line: Line }
const heldLines = 32_768

/**
 * Hands lines on in their order. Those behind one of which it takes the entitlement to tell whether it is too late are
 * held back, so that a lookup serves many: to each it may have to read all there is of a partner.
 */
function lateJudge({ inputs, rules }: Run, out: ReturnType<typeof emitter>) {
  let held: Held[] = []
  return {
    add(line: Line, { batch, received }: Place): void {
      if (line.isUnsure || held.length > 0) held.push({ batch, received, line })
      else out.add(batch, line)
    },
    isFull: () => held.length >= heldLines,
    async flush(): Promise<void> {
      if (held.length === 0) return
      const unsure = held.filter(({ line }) => line.isUnsure)
      const entitlements = await inputs.history.find(new Set(unsure.map(({ line }) => line.event.entitlementId)))
      for (const { line, received } of unsure) {
        const entitlement = entitlementOf(entitlements, inputs.partner, line.event.entitlementId)
        const event = { benefit: line.event.benefit, occurredAt: line.event.occurredAt as Instant }
        if (isOlder(received - line.at, lateDaysOf(event, entitlement, rules))) line.alone = 'too-late'
      }
      for (const { batch, line } of held) out.add(batch, line)
      held = []
    },
  }
}

/** Collects what the range gives to each shard. */
function emitter({ plan: { shards, seed } }: Run) {
  const ofEntitlements = Array.from({ length: shards }, lineColumns)
  const ofIds = Array.from({ length: shards }, () => ({
    ids: [] as string[],
    shards: [] as number[],
    places: [] as number[],
  }))
  return {
    add(batch: number, { event, ...line }: Line): void {
      const shard = entitlementShard(event.entitlementId, shards)
      const place = ofEntitlements[shard]?.add({ batch, ...line }) ?? 0
      if (line.alone !== undefined) return
      const target = ofIds[quickHash(event.id, seed) & (shards - 1)]
      target?.ids.push(event.id)
      target?.shards.push(shard)
      target?.places.push(place)
    },
    parts(): Part[] {
      const lines = ofEntitlements.flatMap((columns, shard): Part[] => {
        const bytes = columns.pack()
        return bytes ? [[`lines-${shard}`, bytes]] : []
      })
      const ids = ofIds.flatMap(({ ids, shards: owners, places }, shard): Part[] =>
        ids.length === 0
          ? []
          : [
              [
                `ids-${shard}`,
                // An id is visible ASCII: no line feed is part of it.
                packPiece({
                  counts: [owners, places].map(c => Uint32Array.from(c)),
                  numbers: [],
                  json: ids.join('\n'),
                }),
              ],
            ],
      )
      return [...lines, ...ids]
    },
  }
}
