import type { AcceptedUse } from '../../schemas/disposition.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import { isSameItem, type Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import { type AcceptancePeriod, acceptedItems, acceptedRecords } from './accepted-store.ts'

/**
 * Compares what lies of a period's acceptances with what its close froze of them, item by item.
 * @returns the names of what differs
 */
export async function verifyAccepted(
  { table }: { table: Table },
  of: AcceptancePeriod,
  frozen: readonly AcceptedUse[],
): Promise<string[]> {
  const expected = Map.groupBy(frozen, use => use.exception as string)
  const found = new Map<string, { texts: string[]; pieces: number; isRight: boolean }>()
  const differences: string[] = []
  let isCutOff = false
  for await (const item of acceptedItems(table, of)) {
    if (item.sk === 'HEAD') {
      const head = acceptedRecords.readHead(item)
      isCutOff = head !== undefined && isSameItem(item, acceptedRecords.head({ ...head, ...of, cutOff: true }))
      continue
    }
    const exception = item.sk.split('#')[1] ?? item.sk
    const one = found.get(exception) ?? { texts: [], pieces: 0, isRight: true }
    found.set(exception, one)
    const piece = acceptedRecords.readChunk(item)
    const texts = piece && textsOf(piece.data)
    one.texts.push(...(texts ?? []))
    const place = { exception: expected.get(exception)?.[0]?.exception ?? piece?.exception, index: one.pieces++ }
    const isRight =
      piece && place.exception !== undefined && texts?.length === piece.lines
        ? isSameItem(item, acceptedRecords.chunk(of, { ...piece, ...place, exception: place.exception }))
        : false
    if (!isRight) one.isRight = false
  }
  if (!isCutOff) differences.push('cutoff of the accepted uses')
  for (const exception of new Set([...expected.keys(), ...found.keys()])) {
    const one = found.get(exception)
    const texts = (expected.get(exception) ?? []).map(use => canonicalJson(use))
    if (!one?.isRight || one.texts.join('\n') !== texts.join('\n'))
      differences.push(`accepted uses of the exception ${exception}`)
  }
  return differences
}

function textsOf(data: Uint8Array): string[] | undefined {
  try {
    return unpackLines(data).map(line => Buffer.from(line).toString())
  } catch {
    return undefined
  }
}
