import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Manifest, UsageEvent, UsageHead } from '../../schemas/usage.ts'
import type { Table } from '../kernel/table.ts'
import { parseLine } from './parse.ts'
import { unpackLines } from './segments.ts'
import { chunksOfBatch, findHead, findManifest, findPointer, manifestsBetween } from './store.ts'

type Needs = { table: Table }

/** A stored line; without `event` it is malformed. */
export type ReceivedLine = {
  partner: string
  sequence: number
  line: number
  receivedAt: Instant
  oldestOpen: Record<string, Period>
  text: string
  event?: UsageEvent
}

/** A partner's lines in the order of (batch sequence, line), batch by batch, from and up to a sequence, both included. */
export async function* eachLine(
  { table }: Needs,
  { partner, from = 1, upTo }: { partner: string; from?: number; upTo?: number },
): AsyncGenerator<ReceivedLine> {
  const last = upTo ?? (await findHead(table, partner))?.sequence ?? 0
  if (last < from) return
  let expected = from
  for await (const manifest of manifestsBetween(table, partner, from, last)) {
    if (manifest.sequence !== expected++)
      throw new Error(`the chain of ${partner} has a gap before ${manifest.sequence}`)
    yield* linesOf(table, manifest)
  }
  if (expected !== last + 1) throw new Error(`the chain of ${partner} ends before ${last}`)
}

async function* linesOf(table: Table, manifest: Manifest): AsyncGenerator<ReceivedLine> {
  const { id, partner, sequence, receivedAt, oldestOpen } = manifest
  let number = 0
  for await (const chunk of chunksOfBatch(table, partner, id)) {
    for (const bytes of unpackLines(chunk.data)) {
      const { line, text, event } = parseLine(bytes, ++number)
      yield { partner, sequence, line, receivedAt, oldestOpen, text, ...(event && { event }) }
    }
  }
  if (number !== manifest.lines) throw new Error(`batch ${id} has ${number} lines, its manifest ${manifest.lines}`)
}

export const usageHead = ({ table }: Needs, partner: string): Promise<UsageHead | undefined> => findHead(table, partner)

export const manifestOf = (
  { table }: Needs,
  { partner, sequence }: { partner: string; sequence: number },
): Promise<Manifest | undefined> => findManifest(table, partner, sequence)

/** A partner's committed batch by its id. */
export async function findBatch(
  { table }: Needs,
  { partner, id }: { partner: string; id: string },
): Promise<Manifest | undefined> {
  const pointer = await findPointer(table, partner, id)
  return pointer?.sequence === undefined ? undefined : findManifest(table, partner, pointer.sequence)
}
