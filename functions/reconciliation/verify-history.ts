import { createHash } from 'node:crypto'
import type { HistoryChunk } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { isSameItem, type Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import type { FrozenPartner } from './history.ts'
import { frozenItems, frozenRecords } from './store.ts'

type Frozen = { programme: string; period: Period; hash: string }
/** What was found under a hash: the SHA-256 of its lines, and whether each piece is in its place. */
type Found = { digest: ReturnType<typeof createHash>; pieces: number; isRight: boolean }

/**
 * Checks every piece of the history that a close froze, also of entitlements that nobody used. What lies there under
 * other hashes is left of a cutoff that somebody else was quicker than; nothing names it.
 * @returns the names of what is not as it was frozen
 */
export async function verifyHistory({ table }: { table: Table }, frozen: Frozen): Promise<string[]> {
  const list: string[] = []
  const found = new Map<string, Found>()
  for await (const item of frozenItems(table, frozen, 'HISTORY#')) {
    const hash = item.sk.split('#')[1] ?? ''
    const one = found.get(hash) ?? { digest: createHash('sha256'), pieces: 0, isRight: true }
    found.set(hash, one)
    const chunk = frozenRecords.history.read(item)
    const texts = chunk && textsOf(chunk)
    const place = { programme: frozen.programme, period: frozen.period, hash, index: one.pieces++ }
    if (!chunk || !texts || !isSameItem(item, frozenRecords.history.item({ ...chunk, ...place }))) one.isRight = false
    for (const text of texts ?? []) one.digest.update(`${text}\n`)
    if (hash === frozen.hash) list.push(...(texts ?? []))
  }
  const sums = new Map(
    Array.from(found, ([hash, { digest, isRight }]) => [hash, isRight && digest.digest('hex') === hash]),
  )
  // An empty list, or a bucket of nothing, is stored in no piece at all.
  const isWhole = (hash: string): boolean => sums.get(hash) ?? hash === nothing
  if (!isWhole(frozen.hash)) return [`frozen history ${frozen.hash}`]
  const named = list.flatMap(line => (JSON.parse(line) as FrozenPartner).buckets)
  return [...new Set(named)].filter(hash => !isWhole(hash)).map(hash => `frozen history ${hash}`)
}

const nothing = createHash('sha256').digest('hex')

function textsOf({ data, lines }: HistoryChunk): string[] | undefined {
  try {
    const texts = unpackLines(data).map(line => Buffer.from(line).toString())
    return texts.length === lines ? texts : undefined
  } catch {
    return undefined
  }
}
