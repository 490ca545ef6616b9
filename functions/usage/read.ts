import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Chunk, Manifest, UsageEvent, UsageHead } from '../../schemas/usage.ts'
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
  for await (const manifest of batchesBetween({ table }, { partner, from, upTo: last })) yield* linesOf(table, manifest)
}

/** A partner's batches in the order of their chain, both ends included. @throws when one is missing */
export async function* batchesBetween(
  { table }: Needs,
  { partner, from, upTo }: { partner: string; from: number; upTo: number },
): AsyncGenerator<Manifest> {
  if (upTo < from) return
  let expected = from
  for await (const manifest of manifestsBetween(table, partner, from, upTo)) {
    if (manifest.sequence !== expected++)
      throw new Error(`the chain of ${partner} has a gap before ${manifest.sequence}`)
    yield manifest
  }
  if (expected !== upTo + 1) throw new Error(`the chain of ${partner} ends before ${upTo}`)
}

/**
 * The lines of a batch as texts, piece by piece, with the numbers of the malformed ones: all others are JSON of the
 * schema, defaults not filled in. @throws when they are not as many as the manifest says
 */
export async function* piecesOfBatch(
  { table }: Needs,
  { id, partner, lines }: Pick<Manifest, 'partner' | 'lines'> & { id: string },
): AsyncGenerator<Pick<Chunk, 'firstLine' | 'malformed'> & { texts: string[] }> {
  let count = 0
  for await (const { firstLine, lines: held, malformed, data } of chunksOfBatch(table, partner, id)) {
    const texts = await textsOf(data)
    if (texts.length !== held || firstLine !== count + 1) throw notWhole({ id, lines }, count)
    count += held
    yield { firstLine, texts, malformed }
    // What lies behind is left of an upload that was cut in another way and gave way.
    if (count === lines) return
  }
  if (count !== lines) throw notWhole({ id, lines }, count)
}

const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer<ArrayBuffer>>(gunzip)
const inflatedLimit = 4_000_000

/** The lines of a segment at once, which is several times as fast as byte by byte. Each ends with a line feed. */
async function textsOf(data: Uint8Array): Promise<string[]> {
  const texts = (await inflate(data, { maxOutputLength: inflatedLimit })).toString().split('\n')
  if (texts.pop() !== '') throw new Error('a segment ends inside a line')
  return texts
}

const notWhole = ({ id, lines }: { id: string; lines: number }, count: number) =>
  new Error(`batch ${id} has ${count} lines, its manifest ${lines}`)

async function* linesOf(table: Table, manifest: Manifest): AsyncGenerator<ReceivedLine> {
  const { id, partner, sequence, receivedAt, oldestOpen } = manifest
  let number = 0
  for await (const chunk of chunksOfBatch(table, partner, id)) {
    for (const bytes of unpackLines(chunk.data)) {
      const { line, text, event } = parseLine(bytes, ++number)
      yield { partner, sequence, line, receivedAt, oldestOpen, text, ...(event && { event }) }
    }
    if (number === manifest.lines) return
  }
  if (number !== manifest.lines) throw notWhole(manifest, number)
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
