import { Buffer } from 'node:buffer'
import { open } from 'node:fs/promises'
import type { PointedFault } from '../reporter-batch.ts'
import type { MalformedLine } from '../reporter-receipt.ts'
import type { FilePart } from './split.ts'

/** A line of the file that can never be billed, by its number in the file. */
export interface FoundLine {
  readonly line: number
  /** Whether the gateway holds it all the same. */
  readonly sent: boolean
  readonly errors: readonly PointedFault[]
}

/** How many of them are told at the terminal; all of them are in the file. */
export const TOLD_LINES = 20
const MAX_READ_BYTES = 262_144

/** What the gateway found in a batch and what was too long for one, in the order of the file. */
export function foundIn({ lines, skipped }: FilePart, malformed: readonly MalformedLine[]): FoundLine[] {
  const told = malformed.map(({ line, errors }) => ({ line: lines[line - 1]?.line ?? 0, sent: true, errors }))
  const left = skipped.map(({ line, bytes }) => ({
    line,
    sent: false,
    errors: [{ pointer: '', detail: `longer than a batch: ${bytes} bytes; not sent` }],
  }))
  return [...told, ...left].toSorted((a, b) => a.line - b.line)
}

/** The first lines of the file that holds them all, of which `length` bytes are accounted for. */
export async function firstFound(path: string, length: number): Promise<FoundLine[]> {
  if (length === 0) return []
  const handle = await open(path, 'r')
  try {
    const size = Math.min(length, MAX_READ_BYTES)
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(size), 0, size, 0)
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1)
    return lines.slice(0, TOLD_LINES).map(line => JSON.parse(line) as FoundLine)
  } finally {
    await handle.close()
  }
}
