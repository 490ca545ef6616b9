import type { Contract } from '../../schemas/contract.ts'
import type { Disposition, HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { SignedMoney } from '../../schemas/settlement.ts'
import type { UsageHead } from '../../schemas/usage.ts'
import type { Table } from '../kernel/table.ts'
import { eachLine, type ReceivedLine } from '../usage/read.ts'
import type { PresentInputs, ShortChain } from './chain-inputs.ts'
import { runChain } from './chain-run.ts'
import { lineKey } from './classify.ts'
import { compactLine, isPadded } from './compact-line.ts'
import { reconcileLines } from './reconcile-lines.ts'

/** A stored line and what became of it. Without `event` it is malformed. */
export type JudgedLine = ReceivedLine & {
  disposition: Disposition
  /** Whether a close has made it so for good. */
  final: boolean
  /** Absent where the line names no known entitlement: then it belongs to no programme and no period. */
  programme?: string
  period?: Period
  /** As reported, negative for a reversal; a matched reversal has what it takes back. */
  quantity: number
  amount?: SignedMoney
}

type Judged = { outcome: LineOutcome; final: boolean }
type Needs = { table: Table }

/** Chains of up to so many lines in so many batches are judged at once, also while somebody waits. */
const defaultShort: ShortChain = { lines: 20_000, batches: 500 }

export const isShortChain = (head: Pick<UsageHead, 'lines' | 'sequence'>, short = defaultShort): boolean =>
  head.lines <= short.lines && head.sequence <= short.batches

/**
 * A partner's chain judged anew, batch by batch in its order: each stored line once, as a close left it where that has
 * happened, otherwise as the closes to come would have it if no more lines arrived.
 * @throws when a line has no outcome or several: then a rule is broken, and no count would be right
 */
export async function* judgedBatches(
  needs: Needs,
  inputs: PresentInputs,
  { isShort }: { isShort: boolean },
): AsyncGenerator<JudgedLine[]> {
  const currencies = new Map(inputs.contracts.map((contract: Contract) => [contract.id, contract.currency]))
  const { lines, judged } = isShort ? await judgeAtOnce(needs, inputs) : judgeInPieces(needs, inputs)
  try {
    let batch: JudgedLine[] = []
    for await (const line of lines) {
      if (batch[0] && batch[0].sequence !== line.sequence) {
        yield batch
        batch = []
      }
      const { value: next } = await judged.next()
      if (!next || lineKey(next.outcome) !== lineKey(line))
        throw new Error(`line ${lineKey(line)} of ${inputs.partner} has no disposition of its own`)
      batch.push(judgedLine(line, next, currencies))
    }
    if (batch.length > 0) yield batch
    const { value: left } = await judged.next()
    if (left) throw new Error(`${lineKey(left.outcome)} of ${inputs.partner} is no line of its own`)
  } finally {
    // A run may keep files until its last outcome is read, or nobody reads on.
    await judged.return(undefined)
  }
}

type Judging = {
  lines: Iterable<ReceivedLine> | AsyncIterable<ReceivedLine>
  judged: AsyncGenerator<Judged, undefined>
}

async function judgeAtOnce({ table }: Needs, inputs: PresentInputs): Promise<Judging> {
  const { partner, upTo, programmes, contracts } = inputs
  const lines = upTo === 0 ? [] : await Array.fromAsync(eachLine({ table }, { partner, upTo }), unpadded)
  const entitlements = await historyNamed(inputs, lines)
  const settled = await Array.fromAsync(inputs.finals({ from: 1, upTo }))
  const finals = new Map(settled.map(outcome => [lineKey(outcome), outcome]))
  const fresh = reconcileLines(lines, { entitlements, contracts, programmes, finals })
  return { lines, judged: inOrder(settled, [fresh]) }
}

/** All lines are in memory at once. Nothing here reads the text of a malformed one. */
function unpadded(line: ReceivedLine): ReceivedLine {
  if (!isPadded(line.text)) return line
  return { ...line, text: line.event ? compactLine(line.text) : '' }
}

/** With what was captured of them: of that, only what events name matters, and only to a quota. */
async function historyNamed({ entitlementsById, capturedByIds }: PresentInputs, lines: readonly ReceivedLine[]) {
  const events = lines.flatMap(({ event }) => (event ? [event] : []))
  const [entitlements, taken] = await Promise.all([
    entitlementsById(new Set(events.map(({ entitlementId }) => entitlementId))),
    capturedByIds(new Set(events.flatMap(({ redemptionId }) => redemptionId ?? []))),
  ])
  const byEntitlement = Map.groupBy(taken, ({ entitlement }) => entitlement)
  return new Map(
    Array.from(entitlements, ([id, entitlement]): [string, HistoryEntry] => {
      const captured = entitlement.quota && byEntitlement.get(entitlement.id)
      return [id, { ...entitlement, ...(captured && { captured }) }]
    }),
  )
}

function judgeInPieces({ table }: Needs, inputs: PresentInputs): Judging {
  const { partner, upTo } = inputs
  return { lines: eachLine({ table }, { partner, upTo }), judged: runInOrder({ table }, inputs) }
}

/** The run begins with the first outcome that is asked for and is cleared away with the last, or when no more are. */
async function* runInOrder({ table }: Needs, inputs: PresentInputs): AsyncGenerator<Judged, undefined> {
  await using run = await runChain({ table }, inputs)
  yield* inOrder(inputs.finals({ from: 1, upTo: inputs.upTo }), run.outcomes())
  return undefined
}

/** Both in the order of (sequence, line), together in that order. */
async function* inOrder(
  finals: Iterable<LineOutcome> | AsyncIterable<LineOutcome>,
  pieces: Iterable<LineOutcome[]> | AsyncIterable<LineOutcome[]>,
): AsyncGenerator<Judged, undefined> {
  const settled = eachOf(finals)
  let final = await settled.next()
  for await (const piece of pieces) {
    for (const outcome of piece) {
      while (!final.done && isBefore(final.value, outcome)) {
        yield { outcome: final.value, final: true }
        final = await settled.next()
      }
      yield { outcome, final: false }
    }
  }
  for (; !final.done; final = await settled.next()) yield { outcome: final.value, final: true }
  return undefined
}

async function* eachOf<Item>(items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Item> {
  yield* items
}

const isBefore = (a: LineOutcome, b: LineOutcome): boolean =>
  a.sequence < b.sequence || (a.sequence === b.sequence && a.line < b.line)

function judgedLine(line: ReceivedLine, { outcome, final }: Judged, currencies: Map<string, string>): JudgedLine {
  const { disposition, programme, period, matched } = outcome
  const belonging = { ...(programme !== undefined && { programme }), ...(period !== undefined && { period }) }
  const judged = { ...line, disposition, final, ...belonging }
  if (matched?.type !== 'reversal') return { ...judged, ...reported(line) }
  const currency = currencies.get(matched.contracts[0] ?? '')
  const { quantity, amountMinor } = matched
  return { ...judged, quantity, ...(amountMinor !== undefined && currency && { amount: { currency, amountMinor } }) }
}

/** What a line tells of itself. */
export function reported({ event }: Pick<ReceivedLine, 'event'>): Pick<JudgedLine, 'quantity' | 'amount'> {
  if (!event) return { quantity: 0 }
  const { type, quantity, amount } = event
  const sign = type === 'use' ? 1 : -1
  // Adding to 0 keeps a reversal of nothing from being -0, which another engine would print as such.
  return {
    quantity: sign * quantity,
    ...(amount && { amount: { currency: amount.currency, amountMinor: 0 + sign * amount.amountMinor } }),
  }
}
