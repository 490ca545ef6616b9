import { Disposition, type LineOutcome, type MatchedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import { linePacker, type Packed } from './line-packer.ts'
import { type Close, finalsChunks, finalsChunksBetween, storeFinalsChunk } from './store.ts'

/** Which periods of a programme are final, and under which identity their close stands. */
export type ClosedPeriods = (programme: string) => Promise<{ period: Period; identity: string }[]>

/** Batches from and up to a sequence, both included. */
export type Range = { from: number; upTo: number }

type Needs = { table: Table }

/**
 * Keeps what a close makes final as it comes, in the order of (partner, sequence, line), create-only under the close's
 * identity: a crashed run resumes, a rerun changes nothing. It counts once `closedPeriods` names the identity.
 */
export function finalsWriter({ table }: Needs, close: Close) {
  let packer = linePacker()
  let partner = ''
  let places: { sequence: number; line: number }[] = []
  async function store(packed: Packed[]): Promise<void> {
    for (const { lines, data } of packed) {
      const own = places.splice(0, lines)
      const [first, last] = [own[0], own.at(-1)]
      if (first && last)
        await storeFinalsChunk(table, { ...close, partner, ...first, lastSequence: last.sequence, lines, data })
    }
  }
  async function end(): Promise<void> {
    await store(packer.end())
    packer = linePacker()
    places = []
  }
  return {
    async add(outcomes: readonly LineOutcome[]): Promise<void> {
      for (const outcome of outcomes) {
        const { sequence, line, programme, period } = outcome
        if (programme !== close.programme || period !== close.period)
          throw new Error(`line ${sequence}/${line} of ${outcome.partner} is not of ${close.programme} ${close.period}`)
        if (outcome.partner !== partner) await end()
        partner = outcome.partner
        // What is full by now does not hold this line yet.
        await store(packer.add(Buffer.from(finalLine(outcome))))
        places.push({ sequence, line })
      }
    },
    end,
  }
}

/** A line as it is stored: programme, period and partner are those of its chunk. */
type Stored = [sequence: number, line: number, id: string | null, disposition: Disposition, matched?: MatchedFacts]
type MatchedFacts = [
  entitlement: MatchedUse['entitlement'],
  benefit: string,
  subject: string,
  plan: string,
  isReversal: 0 | 1,
  occurredAt: MatchedUse['occurredAt'],
  originPeriod: Period,
  quantity: number,
  amountMinor: number | null,
  day: MatchedUse['day'],
  contracts: string[],
]

/** The line that is stored of an outcome. */
export const finalLine = (outcome: LineOutcome): string => JSON.stringify(storedOf(outcome))

function storedOf({ sequence, line, id, disposition, matched }: LineOutcome): Stored {
  if (!matched) return [sequence, line, id ?? null, disposition]
  const { entitlement, benefit, subject, plan, type, occurredAt, originPeriod, quantity, day, contracts } = matched
  const isReversal = type === 'reversal' ? 1 : 0
  const terms = [occurredAt, originPeriod, quantity, matched.amountMinor ?? null, day, contracts] as const
  return [sequence, line, id ?? null, disposition, [entitlement, benefit, subject, plan, isReversal, ...terms]]
}

type Whose = { programme: string; period: Period; partner: string }

function outcomeOf({ programme, period, partner }: Whose, text: Uint8Array): LineOutcome {
  const stored = JSON.parse(Buffer.from(text).toString()) as Stored
  if (!isStored(stored)) throw new Error(`what is stored as a final disposition of ${partner} is none`)
  const [sequence, line, id, disposition, matched] = stored
  const outcome = { partner, sequence, line, ...(id !== null && { id }), disposition, programme, period }
  return matched ? { ...outcome, matched: matchedOf(matched) } : outcome
}

function matchedOf([entitlement, benefit, subject, plan, isReversal, ...terms]: MatchedFacts): MatchedUse {
  const [occurredAt, originPeriod, quantity, amountMinor, day, contracts] = terms
  const type = isReversal ? 'reversal' : 'use'
  const amount = amountMinor !== null && { amountMinor }
  return { entitlement, benefit, subject, plan, type, occurredAt, originPeriod, quantity, ...amount, day, contracts }
}

/** Enough of its shape to read it; what it says, verification compares. */
const isStored = (stored: Stored): boolean =>
  Array.isArray(stored) &&
  Number.isSafeInteger(stored[0]) &&
  Number.isSafeInteger(stored[1]) &&
  dispositions.has(stored[3]) &&
  (stored[3] === 'matched' ? stored[4]?.length === 11 && Array.isArray(stored[4][10]) : stored.length === 4)

const dispositions: ReadonlySet<string> = new Set(Disposition.options)

function* outcomesOf(chunk: Whose & { lines: number; data: Uint8Array }): Generator<LineOutcome> {
  const texts = unpackLines(chunk.data)
  if (texts.length !== chunk.lines) throw new Error('a chunk of final dispositions is not whole')
  for (const text of texts) yield outcomeOf(chunk, text)
}

/** What a close made final, in the order of (partner, sequence, line). @throws when it is not of its shape */
export async function* finalsOf({ table }: Needs, close: Close): AsyncGenerator<LineOutcome> {
  for await (const chunk of finalsChunks(table, close)) yield* outcomesOf(chunk)
}

/** What a close made final of a range of a partner's batches, in the order of (sequence, line). */
export async function* finalsBetween(
  { table }: Needs,
  wanted: Close & { partner: string } & Range,
): AsyncGenerator<LineOutcome> {
  if (wanted.upTo < wanted.from) return
  for await (const chunk of finalsChunksBetween(table, wanted))
    for (const outcome of outcomesOf(chunk))
      if (wanted.from <= outcome.sequence && outcome.sequence <= wanted.upTo) yield outcome
}

/** What several closes made final of ranges of a partner's batches, together in the order of (sequence, line). */
export const finalsOfChain =
  ({ table }: Needs, closes: readonly Close[], partner: string) =>
  (range: Range): AsyncGenerator<LineOutcome> =>
    inOrder(
      closes.map(({ programme, period, identity }) =>
        finalsBetween({ table }, { programme, period, identity, partner, ...range }),
      ),
    )

async function* inOrder(streams: AsyncGenerator<LineOutcome>[]): AsyncGenerator<LineOutcome> {
  const heads = await Promise.all(streams.map(async stream => ({ stream, next: await stream.next() })))
  for (;;) {
    let first: (typeof heads)[number] | undefined
    for (const head of heads)
      if (!head.next.done && (!first || first.next.done || isBefore(head.next.value, first.next.value))) first = head
    if (!first || first.next.done) return
    yield first.next.value
    first.next = await first.stream.next()
  }
}

const isBefore = (a: LineOutcome, b: LineOutcome): boolean =>
  a.sequence < b.sequence || (a.sequence === b.sequence && a.line < b.line)

/** What all closes of a programme made final; only those of periods before `before`, if that is given. */
export async function finalsThrough(
  { table, closedPeriods }: Needs & { closedPeriods: ClosedPeriods },
  programme: string,
  partner?: string,
  before?: Period,
): Promise<LineOutcome[]> {
  const closes = (await closedPeriods(programme)).filter(({ period }) => before === undefined || period < before)
  const whole = { from: 1, upTo: lastSequence }
  const lists = closes.map(({ period, identity }) => {
    const close = { programme, period, identity }
    return Array.fromAsync(
      partner === undefined ? finalsOf({ table }, close) : finalsBetween({ table }, { ...close, partner, ...whole }),
    )
  })
  return (await Promise.all(lists)).flat()
}

const lastSequence = 999_999_999_999
