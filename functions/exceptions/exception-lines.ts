import type { ExceptionalLine } from '../../schemas/exception.ts'
import { notACursor } from '../kernel/refusal.ts'
import { eachLine, type ReceivedLine } from '../usage/read.ts'
import { isMember } from './members.ts'
import { type ExceptionNeeds, type Request, visibleException } from './view.ts'

type Page = { items: ExceptionalLine[]; next?: string }

/** Every line of an exception with its event id, in the order of the lines. @throws Refusal exception-not-found */
export async function exceptionLines(
  needs: ExceptionNeeds,
  { limit, cursor, ...request }: Request & { limit: number; cursor?: string | undefined },
): Promise<Page> {
  const after = cursor === undefined ? 0 : lineOfCursor(cursor)
  const record = await visibleException(needs, request)
  const items: ExceptionalLine[] = []
  let more = false
  for await (const { line, event } of linesOf(needs, record)) {
    if (line <= after) continue
    more = items.length === limit
    if (more) break
    items.push({ line, ...(event && { id: event.id }) })
  }
  const last = items.at(-1)
  return { items, ...(more && last && { next: cursorOfLine(last.line) }) }
}

/** The lines of an exception as they were received. */
export async function* linesOf(
  { table }: Pick<ExceptionNeeds, 'table'>,
  { partner, sequence, members }: { partner: string; sequence: number; members: Uint8Array },
): AsyncGenerator<ReceivedLine> {
  for await (const line of eachLine({ table }, { partner, from: sequence, upTo: sequence }))
    if (isMember(members, line.line)) yield line
}

/** A cursor is the number of the last line shown, opaque to the caller. */
const cursorOfLine = (line: number): string => Buffer.from(`line ${line}`).toString('base64url')

function lineOfCursor(cursor: string): number {
  const line = Number(/^line ([1-9]\d{0,5})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1])
  if (!line || cursorOfLine(line) !== cursor) throw notACursor()
  return line
}
