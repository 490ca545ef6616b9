import { type StatusIndex, type TokenStatus, tokenStatus } from '../../schemas/status-list.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { chunkBytes, chunkSize, setStatus, statusAt } from './status-list.ts'
import { chunkWrite, findChunks, findListHead, type ListName, listHeadWrite, type StatusChunk } from './status-store.ts'

export type Mark = { partner: string; at: StatusIndex; status: TokenStatus }

/**
 * Sets bits, each chunk written once and each list in one transaction with its revision. What is invalid stays so.
 * @returns whether anything was not so already
 */
export async function markStatuses({ table }: { table: Table }, marks: Mark[]): Promise<boolean> {
  let isChanged = false
  for (const own of Map.groupBy(marks, ({ partner, at }) => `${partner} ${at.list}`).values())
    isChanged = (await markList(table, own)) || isChanged
  return isChanged
}

/** At most 32 chunks and the head: well within one transaction. */
async function markList(table: Table, marks: Mark[]): Promise<boolean> {
  const [any] = marks
  if (!any) return false
  const name: ListName = { partner: any.partner, list: any.at.list }
  const wanted = Map.groupBy(marks, ({ at }) => Math.floor(at.index / chunkSize))
  return againOnConflict(async () => {
    const [head, chunks] = await Promise.all([findListHead(table, name), findChunks(table, name, wanted.keys())])
    const writes = [...wanted].flatMap(([chunk, own]) => {
      const before = chunks.find(found => found.chunk === chunk)
      const data = marked(before?.data, own)
      return data ? [chunkWrite({ ...name, chunk, version: (before?.version ?? 0) + 1, data }, before)] : []
    })
    if (writes.length === 0) return false
    await table.commit([listHeadWrite({ ...name, revision: (head?.revision ?? 0) + 1 }, head), ...writes])
    return true
  })
}

/** The chunk's bytes with the marks set (pure); undefined when that changes nothing. */
export function marked(before: StatusChunk['data'] | undefined, marks: Mark[]): StatusChunk['data'] | undefined {
  const bytes = before ? Uint8Array.from(before) : new Uint8Array(chunkBytes)
  let isChanged = false
  for (const { at, status } of marks) {
    const place = at.index % chunkSize
    const standing = statusAt(bytes, place)
    if (standing === status || standing === tokenStatus.invalid) continue
    setStatus(bytes, place, status)
    isChanged = true
  }
  return isChanged ? bytes : undefined
}
