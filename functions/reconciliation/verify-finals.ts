import type { FinalsChunk, LineOutcome } from '../../schemas/disposition.ts'
import { type AnyItem, isSameItem, type Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import { finalLine } from './finals.ts'
import type { OutcomeSink } from './reconcile.ts'
import { type Close, frozenItems, frozenRecords } from './store.ts'

type Place = { partner: string; sequence: number; line: number }
const nameOf = ({ partner, sequence, line }: Place): string =>
  `final disposition of line ${sequence}/${line} of ${partner}`

type Open = { item: AnyItem; chunk: FinalsChunk; texts: string[]; read: number }

/**
 * Compares the outcomes of a run, in the order of (partner, sequence, line), with what a close made final: each line
 * byte for byte, each item attribute by attribute. The first one that differs is told.
 */
export function finalsCheck({ table }: { table: Table }, close: Close) {
  const stored = frozenItems(table, close, 'FINAL#')
  let open: Open | undefined
  let lines = 0
  let different: string | undefined

  async function nextChunk(): Promise<Open | undefined> {
    const { value: item, done } = await stored.next()
    if (done) return undefined
    const opened = openChunk(item)
    if (opened) return opened
    different = `final dispositions ${item.sk}`
    return undefined
  }
  async function compareOne(outcome: LineOutcome): Promise<void> {
    const isFirst = open === undefined
    open ??= await nextChunk()
    if (different !== undefined) return
    const text = open?.texts[open.read]
    if (!open || text !== finalLine(outcome)) {
      different = nameOf(outcome)
      return
    }
    if (isFirst && !isChunkOf(open, close, outcome)) different = `final dispositions ${open.item.sk}`
    lines += 1
    open.read += 1
    if (open.read === open.texts.length) open = undefined
  }
  const compare: OutcomeSink = async outcomes => {
    for (const outcome of outcomes) {
      if (different !== undefined) return
      await compareOne(outcome)
    }
  }
  return {
    compare,
    async end(): Promise<{ lines: number; differences: string[] }> {
      const left = different === undefined ? (open ?? (await nextChunk())) : undefined
      if (left) different ??= nameOf(left.read === 0 ? left.chunk : { ...left.chunk, ...placeIn(left) })
      await stored.return(undefined)
      return { lines, differences: different === undefined ? [] : [different] }
    },
  }
}

function openChunk(item: AnyItem): Open | undefined {
  const chunk = frozenRecords.finals.read(item)
  const texts = chunk && textsOf(chunk.data)
  return chunk && texts && texts.length > 0 && texts.length === chunk.lines
    ? { item, chunk, texts, read: 0 }
    : undefined
}

function textsOf(data: Uint8Array): string[] | undefined {
  try {
    return unpackLines(data).map(line => Buffer.from(line).toString())
  } catch {
    return undefined
  }
}

/** Whether the item is the one that the close writes for these lines, of which this outcome is the first. */
function isChunkOf({ item, chunk, texts }: Open, close: Close, { partner, sequence, line }: LineOutcome): boolean {
  const { programme, period, identity } = close
  const lastSequence = sequenceIn(texts.at(-1)) ?? 0
  const { lines, data } = chunk
  const right = { programme, period, identity, partner, sequence, line, lastSequence, lines, data }
  return lastSequence > 0 && isSameItem(item, frozenRecords.finals.item(right))
}

const numbers = /^\[(\d+),(\d+),/
const sequenceIn = (text = ''): number | undefined => {
  const found = numbers.exec(text)
  return found ? Number(found[1]) : undefined
}

function placeIn({ texts, read }: Open): Partial<Place> {
  const found = numbers.exec(texts[read] ?? '')
  return found ? { sequence: Number(found[1]), line: Number(found[2]) } : {}
}
