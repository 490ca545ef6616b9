import type { BatchPointer, Chunk, Manifest, UsageCut } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { genesisHash, hashOf } from '../kernel/canonical.ts'
import { epochSeconds } from '../kernel/clock.ts'
import { isSameItem, type Table } from '../kernel/table.ts'
import { fingerprintOf } from './receive.ts'
import { type JudgedSegment, unpackLines } from './segments.ts'
import { chainItems, chainRecords, chunkItems, findManifest } from './store.ts'

/** The claims of a receipt that one of the gateway's keys signed; undefined where none did. */
export type ReadReceipt = (receipt: string) => Promise<Record<string, unknown> | undefined>

type Needs = { table: Table; readReceipt: ReadReceipt }
export type ChainCheck = { batches: number; lines: number; receipts: number; differences: string[] }

/**
 * Checks what a close read of a partner's chain: every manifest from the first to the end of the chain, and of the
 * batches up to the cut their pointer, receipt and chunks, each attribute by attribute.
 * @returns how much was checked, and the names of what is not as it was received
 */
export async function verifyChain({ table, readReceipt }: Needs, cut: UsageCut): Promise<ChainCheck> {
  const { partner } = cut
  const check: ChainCheck = { batches: 0, lines: 0, receipts: 0, differences: [] }
  const { manifests, upTo, differences } = await verifyManifests(table, cut)
  check.differences.push(...differences)
  const pointers = new Map<string, BatchPointer>()
  for await (const item of chainItems(table, partner, 'BATCH#')) {
    const pointer = chainRecords.pointer.read(item)
    if (pointer && !isCommitted(pointer)) continue
    // What has been received since the manifests were read is found by itself.
    const manifest =
      pointer && pointer.sequence > upTo
        ? await findManifest(table, partner, pointer.sequence)
        : pointer && manifests.get(pointer.sequence)
    if (!pointer || !isPointerTo(pointer, manifest) || !isSameItem(item, chainRecords.pointer.item(pointer)))
      check.differences.push(`usage batch ${item.sk.slice('BATCH#'.length)} of ${partner}`)
    else pointers.set(pointer.id, pointer)
  }
  for (const manifest of manifests.values()) {
    if (manifest.sequence > cut.sequence) continue
    check.batches += 1
    check.lines += manifest.lines
    const pointer = pointers.get(manifest.id)
    const receipt = pointer?.receipt === undefined ? undefined : await readReceipt(pointer.receipt)
    if (receipt && isReceiptOf(receipt, manifest)) check.receipts += 1
    else check.differences.push(`receipt of usage batch ${manifest.id} of ${partner}`)
    check.differences.push(...(await verifyChunks(table, manifest, pointer)))
  }
  return check
}

const isCommitted = (pointer: BatchPointer): pointer is BatchPointer & { sequence: number } =>
  pointer.state === 'committed' && pointer.sequence !== undefined

const isPointerTo = (
  { id, partner, chunks, sequence, upload }: BatchPointer,
  manifest: Manifest | undefined,
): boolean =>
  manifest?.id === id &&
  manifest.partner === partner &&
  manifest.chunks === chunks &&
  manifest.sequence === sequence &&
  upload === undefined

async function verifyManifests(
  table: Table,
  cut: UsageCut,
): Promise<{ manifests: Map<number, Manifest>; upTo: number; differences: string[] }> {
  const { partner, programme, period } = cut
  const differences: string[] = []
  const headItem = await chainRecords.head.find(table, partner)
  const head = headItem && chainRecords.head.read(headItem)
  const manifests = new Map<number, Manifest>()
  let last = { sequence: 0, hash: genesisHash }
  const later: number[] = []
  let [lines, quantity] = [0, 0]
  for await (const item of chainItems(table, partner, 'MANIFEST#')) {
    const manifest = chainRecords.manifest.read(item)
    const sequence = Number(item.sk.slice('MANIFEST#'.length))
    // What has arrived since the head was read belongs to no close that stands.
    if (head && sequence > head.sequence && sequence > cut.sequence) {
      later.push(sequence)
      continue
    }
    for (let gone = last.sequence + 1; gone < sequence; gone++) differences.push(`usage manifest ${gone} of ${partner}`)
    const isRight =
      manifest && isLink(manifest, last, partner) && isSameItem(item, chainRecords.manifest.item(manifest))
    if (!isRight) differences.push(`usage manifest ${sequence} of ${partner}`)
    if (manifest) {
      manifests.set(sequence, manifest)
      lines += manifest.lines
      quantity = Math.min(quantity + manifest.quantity, Number.MAX_SAFE_INTEGER)
    }
    last = { sequence, hash: manifest?.hash ?? '' }
    if (sequence === cut.sequence && last.hash !== cut.hash && isRight)
      differences.push(`usage manifest ${sequence} of ${partner} (another one than the cut names)`)
  }
  for (let gone = last.sequence + 1; gone <= cut.sequence; gone++)
    differences.push(`usage manifest ${gone} of ${partner}`)
  const end = later.length > 0 ? await chainRecords.head.find(table, partner) : undefined
  const grown = (end && chainRecords.head.read(end)?.sequence) ?? 0
  for (const sequence of later) if (sequence > grown) differences.push(`usage manifest ${sequence} of ${partner}`)
  const open = head?.oldestOpen[programme]
  const isEnd = head?.sequence === last.sequence && head.hash === last.hash
  const isSum = head?.lines === lines && head.quantity === quantity
  const isHead = headItem && head && isSameItem(headItem, chainRecords.head.item({ ...head, partner }))
  if (!isHead || !isEnd || !isSum || open === undefined || open < nextPeriod(period))
    differences.push(`usage head of ${partner}`)
  return { manifests, upTo: last.sequence, differences }
}

function isLink({ hash, ...facts }: Manifest, before: { sequence: number; hash: string }, partner: string): boolean {
  const follows = facts.previousHash === before.hash || before.hash === ''
  return follows && facts.sequence === before.sequence + 1 && facts.partner === partner && hashOf(facts) === hash
}

function isReceiptOf(claims: Record<string, unknown>, manifest: Manifest): boolean {
  const { id, partner, digest, lines, malformed, quantity, sequence, previousHash, hash, receivedAt } = manifest
  const facts = {
    aud: partner,
    iat: epochSeconds(receivedAt),
    bat: id,
    ...{ digest, lines, malformed, quantity, hash },
    seq: sequence,
    prev: previousHash,
  }
  return Object.entries(facts).every(([name, fact]) => claims[name] === fact)
}

/**
 * Chunks are told by the fingerprint over their borders, judgement and bytes, of which the manifest's hash speaks,
 * and by the manifest's control totals: what the well-formed lines add up to is signed in every receipt, also in those
 * of manifests without a fingerprint.
 */
async function verifyChunks(table: Table, manifest: Manifest, pointer: BatchPointer | undefined): Promise<string[]> {
  const { id, partner } = manifest
  const differences: string[] = []
  const segments: JudgedSegment[] = []
  let [count, malformed, quantity] = [0, 0, 0]
  for await (const item of chunkItems(table, partner, id)) {
    const chunk = chainRecords.chunk.read(item)
    // What lies behind is left of an upload that was cut in another way and gave way: nobody reads it.
    const isLeft = count === manifest.lines && chunk?.fingerprint !== pointer?.fingerprint
    if (isLeft && chunk?.fingerprint !== undefined) continue
    const held = chunk && quantityOf(chunk)
    const isRight =
      chunk &&
      held !== undefined &&
      count < manifest.lines &&
      isPiece(chunk, { batch: id, index: segments.length, firstLine: count + 1, fingerprint: pointer?.fingerprint }) &&
      isSameItem(item, chainRecords.chunk.item(partner, chunk))
    if (!isRight) differences.push(`usage chunk ${item.sk} of batch ${id} of ${partner}`)
    if (!chunk) continue
    count += chunk.lines
    malformed += chunk.malformed.length
    quantity += held ?? 0
    segments.push({ ...chunk, data: new Uint8Array(chunk.data) })
  }
  const isWhole = count === manifest.lines && malformed === manifest.malformed && segments.length === manifest.chunks
  const told = [manifest.fingerprint, pointer?.fingerprint].filter(one => one !== undefined)
  const isSame = told.every(one => one === fingerprintOf(segments))
  return isWhole && isSame && quantity === manifest.quantity
    ? differences
    : [...differences, `usage chunks of batch ${id} of ${partner}`]
}

type Place = Pick<Chunk, 'batch' | 'index' | 'firstLine'> & { fingerprint: string | undefined }

function isPiece(chunk: Chunk, { batch, index, firstLine, fingerprint }: Place): boolean {
  if (chunk.batch !== batch || chunk.index !== index || chunk.firstLine !== firstLine) return false
  return fingerprint === undefined || chunk.fingerprint === fingerprint
}

/** What the well-formed lines of a chunk count for; undefined where its bytes are not so many lines of events. */
function quantityOf({ firstLine, lines, malformed, data }: Chunk): number | undefined {
  const refused = new Set(malformed)
  try {
    const texts = unpackLines(data)
    if (texts.length !== lines) return undefined
    let sum = 0
    for (const [at, bytes] of texts.entries()) {
      if (refused.has(firstLine + at)) continue
      const { quantity = 1 } = JSON.parse(Buffer.from(bytes).toString()) as { quantity?: unknown }
      if (typeof quantity !== 'number') return undefined
      sum += quantity
    }
    return sum
  } catch {
    return undefined
  }
}

/** A cut's item as a record; undefined where it is none. The whole item of a cut. */
export const cutOfItem = chainRecords.cut.read
export const cutItem = chainRecords.cut.item
