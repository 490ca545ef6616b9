import type { BatchView, DispositionCounts, LineDisposition } from '../../schemas/disposition.ts'
import type { Manifest } from '../../schemas/usage.ts'
import type { BatchSummary } from '../../schemas/usage-view.ts'
import { notACursor, Refusal } from '../kernel/refusal.ts'
import type { Page } from '../kernel/table.ts'
import { listBatches } from '../usage/list-batches.ts'
import { findBatch } from '../usage/read.ts'
import type { ChainNeeds } from './chain-inputs.ts'
import { type JudgedBatch, judgedChain } from './judged-chain.ts'
import type { JudgedLine } from './judged-lines.ts'

type BatchName = { partner: string; id: string }
type PageOf = { limit: number; cursor?: string | undefined }

/** A partner's batches, newest first. @throws Refusal invalid-request for a cursor that no page gave */
export async function viewBatches(needs: ChainNeeds, asked: PageOf & { partner: string }): Promise<Page<BatchSummary>> {
  const { items, ...rest } = await listBatches(needs, asked)
  return { items: items.map(summaryOf), ...rest }
}

const summaryOf = ({ id, sequence, lines, malformed, receivedAt, digest }: Manifest): BatchSummary => ({
  id,
  sequence,
  lines,
  malformed,
  receivedAt,
  digest,
})

/** @throws Refusal batch-not-found, also for another partner's batch; busy while the batch is being reconciled */
export async function viewBatch(needs: ChainNeeds, name: BatchName): Promise<BatchView> {
  const manifest = await manifestNamed(needs, name)
  const { id, sequence, lines, receivedAt, digest, previousHash } = manifest
  const { kinds } = await judgedBatch(needs, manifest)
  const dispositions: DispositionCounts = {}
  for (const { disposition, lines: count } of kinds)
    dispositions[disposition] = (dispositions[disposition] ?? 0) + count
  return { id, sequence, lines, receivedAt, digest, previousHash, dispositions }
}

/**
 * Line by line.
 * @throws Refusal batch-not-found; busy while the batch is being reconciled; invalid-request for a cursor that no page
 * gave
 */
export async function batchDispositions(
  needs: ChainNeeds,
  { limit, cursor, ...name }: BatchName & PageOf,
): Promise<Page<LineDisposition>> {
  const after = cursor === undefined ? 0 : lineOfCursor(cursor)
  const batch = await judgedBatch(needs, await manifestNamed(needs, name))
  const lines = await batch.lines()
  const items = lines.slice(after, after + limit).map(lineDisposition)
  return { items, ...(after + limit < lines.length && { next: cursorOfLine(after + limit) }) }
}

async function manifestNamed(needs: ChainNeeds, name: BatchName): Promise<Manifest> {
  const manifest = await findBatch(needs, name)
  if (!manifest) throw new Refusal('batch-not-found')
  return manifest
}

async function judgedBatch(needs: ChainNeeds, { partner, sequence, id }: Manifest): Promise<JudgedBatch> {
  const chain = await judgedChain(needs, { partner, atLeast: sequence })
  for await (const batch of chain.batches({ from: sequence, upTo: sequence })) return batch
  throw new Error(`batch ${id} was not judged`)
}

/** A cursor is the number of the last line shown, opaque to the caller. */
const cursorOfLine = (line: number): string => Buffer.from(`line ${line}`).toString('base64url')

function lineOfCursor(cursor: string): number {
  const line = Number(/^line ([1-9]\d{0,5})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1])
  if (!line || cursorOfLine(line) !== cursor) throw notACursor()
  return line
}

const lineDisposition = ({ line, event, disposition, final }: JudgedLine): LineDisposition => ({
  line,
  ...(event && { id: event.id }),
  disposition,
  final,
})
