import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createProgress } from '../../sdk/send/progress.ts'

/** A progress on a file of 1,000 bytes, of which an earlier run has sent 100 lines. */
function shown({ isTTY, isQuiet = false }: { isTTY: boolean; isQuiet?: boolean }) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk))
      done()
    },
  })
  const out = Object.assign(stream, { isTTY, columns: 60 }) as unknown as NodeJS.WriteStream
  const at = { time: 0, bytes: 0 }
  const progress = createProgress({
    out,
    isQuiet,
    bytesRead: () => at.bytes,
    totalBytes: 1_000,
    before: { lines: 100, batches: 1, malformed: 0 },
    now: () => at.time,
  })
  const advance = (time: number, bytes: number, lines: number) => {
    Object.assign(at, { time, bytes })
    progress.advance({ lines, batches: lines / 100, malformed: 2 })
  }
  return { written, progress, advance }
}

test('at a terminal: a bar of one line, drawn again but not for every batch, and gone at the end', () => {
  const { written, progress, advance } = shown({ isTTY: true })
  advance(100, 200, 200)
  expect(written).toEqual([])
  advance(1_000, 500, 500)
  expect(written).toEqual(['\r\u001b[K[############............] 50 %  500 lines  400 lines/s  1 '])
  progress.note('the gateway asks\u001b[2J')
  progress.end()
  expect(written.slice(1)).toEqual(['\r\u001b[K', 'the gateway asks\uFFFD[2J\n'])
})

test('in a log: a line for every tenth, or after 5 s', () => {
  const { written, advance } = shown({ isTTY: false })
  advance(1_000, 50, 200)
  advance(2_000, 100, 300)
  advance(3_000, 150, 400)
  advance(7_500, 160, 500)
  expect(written).toEqual([
    '10 %  300 lines  100 lines/s  27 s left  3 batches  2 malformed\n',
    '16 %  500 lines  53 lines/s  49 s left  5 batches  2 malformed\n',
  ])
})

test('quiet is quiet', () => {
  const { written, progress, advance } = shown({ isTTY: true, isQuiet: true })
  advance(9_000, 900, 900)
  progress.note('x')
  progress.end()
  expect(written).toEqual([])
})
