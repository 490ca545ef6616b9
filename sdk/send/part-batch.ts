import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { SentBatch } from '../reporter-batch.ts'
import { isQuantity, isRecord } from '../reporter-event.ts'
import { endOfText } from './line-bytes.ts'
import type { FilePart } from './split.ts'

/** A part of a file as a batch, and how many of its lines are JSON objects at all. */
export interface PartBatch extends SentBatch {
  readonly objects: number
}

const MAX_LINE_BYTES = 65_536

/**
 * Reads a part as the gateway will: a line that cannot be an event counts nothing in the sum, since the gateway leaves
 * it out; of every other the quantity counts. What else is wrong with a line, the gateway says.
 */
export function batchOfPart(part: FilePart, digest = digestOf(part)): PartBatch {
  let [objects, quantity] = [0, 0]
  const lines = eachText(part).map(text => {
    const value = text === undefined ? undefined : jsonOf(text)
    if (isRecord(value)) objects += 1
    const counted = quantityOf(value)
    quantity += counted
    return { quantity: counted }
  })
  return { digest, bytes: part.bytes, lines, quantity, objects }
}

export const digestOf = ({ bytes }: FilePart): string => createHash('sha256').update(bytes).digest('hex')

/** The text of each line without its break; `undefined` where it is too long or not UTF-8. */
export function eachText({ bytes, lines }: FilePart): readonly (string | undefined)[] {
  const isClean = isUtf8(bytes)
  return lines.map(({ start }, index) => {
    const end = endOfText(bytes, start, lines[index + 1]?.start ?? bytes.length)
    if (end - start > MAX_LINE_BYTES) return undefined
    if (!isClean && !isUtf8(bytes.subarray(start, end))) return undefined
    return bytes.toString('utf8', start, end)
  })
}

/** The parser's own error quotes the text, and what people use is nobody's to log. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function quantityOf(value: unknown): number {
  if (!isRecord(value)) return 0
  const { quantity = 1 } = value
  return isQuantity(quantity) ? quantity : 0
}
