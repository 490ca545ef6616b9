import { followChain, type ReceiptChain } from '../reporter-chain.ts'
import { type Delivered, type DeliveryNeeds, deliver } from '../reporter-delivery.ts'
import { type ReceiptChainBroken, UsageUndelivered } from '../reporter-errors.ts'
import type { UsageReceipt } from '../reporter-receipt.ts'
import type { Ledger } from './ledger.ts'
import { foundIn } from './malformed.ts'
import { batchOfPart, digestOf, type PartBatch } from './part-batch.ts'
import type { Progress } from './progress.ts'
import type { UsageSource } from './source.ts'
import { type FilePart, type SplitLimits, splitFile } from './split.ts'
import { changedSince, type Done, NOTHING_DONE, type SendState, trailAfter } from './state.ts'
import { SendingStopped, WrongUsage } from './wrong-usage.ts'

export interface SendNeeds {
  readonly source: UsageSource
  readonly limits: SplitLimits
  readonly concurrency: number
  readonly delivery: DeliveryNeeds
  readonly ledger: Ledger
  readonly progress: Progress
  /** Where the state is kept, for what is said of it. */
  readonly statePath: string | undefined
}

/** The gateway has refused a batch for good: the same bytes would be refused for ever. */
export class BatchRefused extends Error {
  override readonly name = 'BatchRefused'
  readonly problem: (Delivered & { kind: 'rejected' })['problem']

  constructor(part: FilePart, problem: BatchRefused['problem']) {
    super(`the gateway refused ${placeOf(part)}: ${problem.status} ${problem.code}`)
    this.problem = problem
  }
}

/** A part on its way, and what has come of it. */
interface UnderWay {
  readonly part: FilePart
  readonly batch: PartBatch
  readonly outcome: Promise<Delivered | undefined>
}

/**
 * Sends what is not delivered yet, batch by batch in the order of the file, and enters each in the books once the
 * gateway has signed for it.
 * @returns breaks of the chain of receipts: other senders' batches lie between
 * @throws UsageUndelivered, BatchRefused, SendingStopped when not everything is delivered; WrongUsage when the file is
 * not the one that was begun with
 */
export async function sendFile(needs: SendNeeds): Promise<ReceiptChainBroken[]> {
  const { source, limits, ledger, concurrency } = needs
  const stop = new AbortController()
  const closing = AbortSignal.any([needs.delivery.closing, stop.signal])
  const lanes = { ...needs, delivery: { ...needs.delivery, closing } }
  const underWay: UnderWay[] = []
  const gaps: ReceiptChainBroken[] = []
  const enterOldest = async () => {
    const oldest = underWay.shift()
    if (oldest !== undefined) gaps.push(...(await enter(needs, oldest, await oldest.outcome)))
  }
  let passed = NOTHING_DONE.trail
  try {
    for await (const part of splitFile(source.chunks(), limits)) {
      if (closing.aborted) throw new UsageUndelivered('closing', 0)
      const digest = digestOf(part)
      passed = trailAfter(passed, part, digest)
      if (isDone(ledger.state(), part, passed, needs.statePath ?? '')) continue
      const batch = batchOfPart(part, digest)
      refuseWhatIsNoNdjson(part, batch)
      underWay.push(begin(lanes, part, batch))
      if (underWay.length >= concurrency) await enterOldest()
    }
    while (underWay.length > 0) await enterOldest()
    if (ledger.state().done.trail !== passed) throw changedSince(needs.statePath ?? '')
    await ledger.complete()
    return gaps
  } finally {
    // Batches behind one that failed are sent again by the next run, with the same bytes.
    stop.abort()
    await Promise.allSettled(underWay.map(({ outcome }) => outcome))
  }
}

/** Whether an earlier run has delivered this part, which it has only if all was the same up to here. */
function isDone({ done }: SendState, { index }: FilePart, trail: string, statePath: string): boolean {
  if (index === done.batches && trail !== done.trail) throw changedSince(statePath)
  return index <= done.batches
}

/** The gateway keeps malformed lines for ever, so a file of another kind must not reach it. */
function refuseWhatIsNoNdjson({ index, lines }: FilePart, { objects }: PartBatch): void {
  if (index > 1 || lines.length === 0 || objects > 0) return
  throw new WrongUsage(
    `None of the first ${lines.length} lines is a JSON object: this is no NDJSON, which has one event on each line`,
  )
}

function begin(needs: SendNeeds, part: FilePart, batch: PartBatch): UnderWay {
  const outcome = part.lines.length === 0 ? Promise.resolve(undefined) : deliverPatiently(needs, batch)
  // Its failure is looked at when its turn comes.
  outcome.catch(() => undefined)
  return { part, batch, outcome }
}

/** Waits as long as the gateway asks, where that is longer than a pause between two attempts: attempts are counted on. */
async function deliverPatiently({ delivery, progress }: SendNeeds, batch: PartBatch): Promise<Delivered> {
  for (let left = delivery.retry.attempts; ; ) {
    try {
      return await deliver({ ...delivery, retry: { ...delivery.retry, attempts: left } }, batch)
    } catch (error) {
      if (!(error instanceof UsageUndelivered) || error.retryAfterMilliseconds === undefined) throw error
      left -= error.attempts
      if (left < 1) throw error
      progress.note(`the gateway asks for a pause of ${Math.ceil(error.retryAfterMilliseconds / 1000)} s`)
      await delivery.sleep(error.retryAfterMilliseconds, delivery.closing)
    }
  }
}

async function enter(
  needs: SendNeeds,
  { part, batch }: UnderWay,
  delivered: Delivered | undefined,
): Promise<ReceiptChainBroken[]> {
  const { ledger, progress, concurrency } = needs
  if (delivered?.kind === 'rejected') throw new BatchRefused(part, delivered.problem)
  const { receipt, malformed = [] } = delivered ?? {}
  const before = ledger.state()
  const found = foundIn(part, malformed)
  const step = receipt && stepOf(before.chain, receipt, concurrency)
  const chain = step && { first: firstOf(before.chain, receipt), last: step.chain }
  const next = { done: doneAfter(before.done, part, batch, receipt), ...(chain && { chain }) }
  await ledger.enter({ part, receipt, found, next })
  const { lines, batches, malformed: bad, skipped } = next.done
  progress.advance({ lines, batches, malformed: bad + skipped })
  if (step?.broken?.code === 'fork') {
    throw new SendingStopped(
      `the receipt of ${placeOf(part)} does not belong to the history that the gateway has signed before ` +
        `(${step.broken.message}). The batch is stored; keep the receipts, and ask the gateway's operator`,
    )
  }
  return step?.broken === undefined ? [] : [step.broken]
}

/** With several batches under way their order is the gateway's, and each receipt stands for itself. */
function stepOf(chain: SendState['chain'], receipt: UsageReceipt, concurrency: number) {
  const { sequence, hash, issuedAt } = receipt
  if (concurrency === 1) return followChain(chain?.last, receipt)
  const last = chain !== undefined && chain.last.sequence > sequence ? chain.last : { sequence, hash, issuedAt }
  return { chain: last, broken: undefined }
}

/** Where the chain ended before the first of the file's batches. */
function firstOf(chain: SendState['chain'], { sequence, previousHash }: UsageReceipt): ReceiptChain {
  if (chain !== undefined && chain.first.sequence < sequence) return chain.first
  return { sequence: sequence - 1, hash: previousHash }
}

function doneAfter(before: Done, part: FilePart, batch: PartBatch, receipt: UsageReceipt | undefined): Done {
  return {
    batches: part.index,
    lines: before.lines + part.lines.length,
    malformed: before.malformed + (receipt?.malformed ?? 0),
    skipped: before.skipped + part.skipped.length,
    // A sum for people to look at: it stands still rather than fail at the end of the exact integers.
    quantity: Math.min(before.quantity + (receipt?.quantity ?? 0), Number.MAX_SAFE_INTEGER),
    bytes: before.bytes + part.bytes.length,
    offset: part.end.offset,
    line: part.end.line,
    trail: trailAfter(before.trail, part, batch.digest),
  }
}

const placeOf = ({ lines }: FilePart): string => `the batch of lines ${lines[0]?.line} to ${lines.at(-1)?.line}`
