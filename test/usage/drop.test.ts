import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { usageHead } from '../../functions/usage/read.ts'
import { createSignatureVerifier, USAGE_RECEIPT_TYP } from '../../sdk/index.ts'
import { dropWorld, fileOf, lineOf, linesOf, small } from './drop-support.ts'
import { issuer } from './support.ts'

const world = dropWorld()

describe('a file that is taken', () => {
  it('of 25,000 lines becomes three batches, whose receipts the partner kit verifies', async () => {
    const lines = linesOf(25_000)
    lines[14_999] = '{"id": "no event"}'
    const file = world.upload('incoming/eleme/october.ndjson', fileOf(lines))
    await world.drop(file)
    const result = world.resultOf(file)
    expect(result).toMatchObject({
      state: 'complete',
      partner: 'eleme',
      found: { lines: 25_000, blankLines: 0, bytes: fileOf(lines).length },
      lines: 25_000,
      quantity: 24_999,
      malformedLines: 1,
      malformed: [
        { line: 15_000, errors: expect.arrayContaining([{ pointer: '/benefit', detail: expect.any(String) }]) },
      ],
    })
    expect(result.batches.map(({ firstLine, lastLine, sequence }) => [firstLine, lastLine, sequence])).toEqual([
      [1, 10_000, 1],
      [10_001, 20_000, 2],
      [20_001, 25_000, 3],
    ])
    const document = JSON.stringify({ keys: await world.keys().publicKeys() })
    const fetch = async () => new Response(document, { headers: { 'content-type': 'application/jwk-set+json' } })
    const now = () => Date.parse(world.needs().now()) / 1000
    const verifier = createSignatureVerifier({ issuer, audience: 'eleme', typ: USAGE_RECEIPT_TYP, fetch, now })
    for (const { receipt, id, sequence, lines: count } of result.batches)
      expect(await verifier.verify(receipt)).toMatchObject({ bat: id, seq: sequence, lines: count })
    expect(await world.stored()).toEqual(lines)
  })

  it('as gzip, also of several members, becomes the batches that it becomes without', async () => {
    const lines = linesOf(35)
    const members = [lines.slice(0, 17), lines.slice(17)].map(part => gzipSync(fileOf(part)))
    const packed = await world.send('incoming/eleme/day=3/a.ndjson.gz', Buffer.concat(members), { limits: small })
    const plain = await world.send('incoming/eleme/a.ndjson', fileOf(lines), { limits: small })
    expect(packed?.state).toBe('complete')
    expect(packed?.batches.length).toBe(4)
    expect(plain?.batches).toEqual(packed?.batches)
    expect(await world.stored()).toEqual(lines)
  })

  it('by the same event again, and uploaded again, gives the same receipts and is stored once', async () => {
    const lines = linesOf(25)
    const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines))
    const first = await world.drop(file, { limits: small })
    expect(await world.drop(file, { limits: small })).toEqual(first)
    const again = await world.send(file.key, fileOf(lines), { limits: small })
    expect(again?.file.version).not.toBe(file.version)
    expect(again?.batches).toEqual(first?.batches)
    expect(await usageHead({ table: world.table() }, 'eleme')).toMatchObject({ sequence: 3, lines: 25 })
  })

  it('is the version of its event, whichever event comes first', async () => {
    const older = world.upload('incoming/eleme/a.ndjson', fileOf([lineOf(1)]))
    const newer = world.upload('incoming/eleme/a.ndjson', fileOf([lineOf(2)]))
    await world.drop(newer)
    await world.drop(older)
    expect(await world.stored()).toEqual([lineOf(2), lineOf(1)])
    expect(world.resultOf(older).batches[0]?.sequence).toBe(2)
  })

  it('tells malformed lines by their number in the file, past a byte order mark, CRLF and blank lines', async () => {
    const text = `\ufeff${lineOf(1)}\r\n\r\n  \r\nnonsense\r\n${lineOf(2)}\r\n\n\ufeff\nlast`
    const result = await world.send('incoming/eleme/windows.ndjson', text)
    expect(result).toMatchObject({
      state: 'complete',
      lines: 5,
      found: { lines: 8, blankLines: 3 },
      malformed: [
        { line: 4, errors: [{ pointer: '', detail: 'not JSON' }] },
        { line: 7, errors: [{ pointer: '', detail: 'not JSON' }] },
        { line: 8, errors: [{ pointer: '', detail: 'not JSON' }] },
      ],
    })
    expect((await world.stored()).slice(0, 3)).toEqual([lineOf(1), 'nonsense', lineOf(2)])
  })

  it('has its further malformed lines beside the result, so that each is told and none makes it too large', async () => {
    const lines = linesOf(30).map((line, index) => (index % 2 ? line : '{}'))
    const file = world.upload('incoming/eleme/bad.ndjson', fileOf(lines))
    await world.drop(file, { limits: { ...small, told: 7 } })
    const { batches, malformed, malformedLines } = world.resultOf(file)
    expect([malformedLines, malformed.map(({ line }) => line)]).toEqual([15, [1, 3, 5, 7, 9]])
    expect(batches.map(({ malformedIn }) => malformedIn)).toEqual([
      undefined,
      `receipts/eleme/bad.ndjson.${file.version}.malformed-000002.json`,
      `receipts/eleme/bad.ndjson.${file.version}.malformed-000003.json`,
    ])
    const further = JSON.parse(world.s3().textOf(batches[2]?.malformedIn ?? '') ?? '{}') as typeof result
    const result = { malformed }
    expect(further.malformed.map(({ line }) => line)).toEqual([21, 23, 25, 27, 29])
  })

  it('is cut where a batch would be too large in bytes', async () => {
    const bytes = lineOf(1).length + 1
    const result = await world.send('incoming/eleme/a.ndjson', fileOf(linesOf(9)), {
      limits: { ...small, batchBytes: 4 * bytes },
    })
    expect(result?.batches.map(({ lines }) => lines)).toEqual([4, 4, 1])
  })
})

describe('a file that is not taken', () => {
  const refused = async (key: string, body: Uint8Array | string, change = {}) => {
    const file = world.upload(key, body)
    const outcome = await world.drop(file, change)
    expect(await world.stored()).toEqual([])
    return { file, outcome }
  }

  it.each([
    ['of an unknown partner', 'incoming/nobody/a.ndjson', fileOf([lineOf(1)]), 'partner-not-found'],
    ['of another form', 'incoming/eleme/a.csv', 'a,b', 'wrong-key'],
    ['without a partner', 'incoming/a.ndjson', fileOf([lineOf(1)]), 'wrong-key'],
    ['without lines', 'incoming/eleme/empty.ndjson', '', 'empty-batch'],
    ['of blank lines', 'incoming/eleme/blank.ndjson', '\n \r\n\t\n', 'empty-batch'],
    ['that says it is gzip', 'incoming/eleme/a.ndjson.gz', fileOf([lineOf(1)]), 'broken-gzip'],
    ['of gzip of nothing', 'incoming/eleme/a.ndjson.gz', gzipSync(''), 'empty-batch'],
  ])('%s leaves its reason, and nothing is tried again', async (_what, key, body, code) => {
    const { file, outcome } = await refused(key, body)
    expect(outcome).toEqual(world.refusalOf(file))
    expect(outcome).toMatchObject({ state: 'refused', code, file, batches: [] })
  })

  it('is refused whole when its gzip data are cut off or followed by something', async () => {
    const whole = gzipSync(fileOf(linesOf(500)))
    for (const body of [
      whole.subarray(0, -9),
      whole.subarray(0, 40),
      Buffer.concat([whole, Buffer.from('{"id":"more"}\n')]),
      Buffer.concat([whole, Buffer.from(`\0${lineOf(1)}`)]),
      Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8)]),
    ]) {
      const { outcome } = await refused('incoming/eleme/cut.ndjson.gz', body, { limits: small })
      expect(outcome).toMatchObject({ state: 'refused', code: 'broken-gzip' })
    }
  })

  it('is refused when it is a bomb, before it has grown', async () => {
    const bomb = gzipSync(Buffer.alloc(60_000_000, 'x'))
    const { outcome } = await refused('incoming/eleme/bomb.ndjson.gz', bomb)
    expect(outcome).toMatchObject({ code: 'inflates-too-much' })
    const limits = { ...small, bytes: 1_000_000 }
    expect((await refused('incoming/eleme/b.ndjson.gz', bomb, { limits })).outcome).toMatchObject({
      code: 'body-too-large',
    })
    expect((await refused('incoming/eleme/b.ndjson', Buffer.alloc(1_000_001), { limits })).outcome).toMatchObject({
      code: 'body-too-large',
    })
  })

  it('is refused when it has too many lines, blank ones too', async () => {
    const limits = { ...small, lines: 50 }
    const { outcome } = await refused('incoming/eleme/a.ndjson', `${fileOf(linesOf(40))}${'\n'.repeat(11)}`, { limits })
    expect(outcome).toMatchObject({ code: 'too-many-lines' })
  })

  it('has its record under a hash where its key has no plain name', async () => {
    for (const key of [
      'incoming/eleme/../youku/a.ndjson',
      `incoming/eleme/${'x'.repeat(900)}.ndjson`,
      'incoming/é.ndjson',
    ]) {
      const { outcome } = await refused(key, fileOf([lineOf(1)]))
      expect(outcome).toMatchObject({ code: 'wrong-key', file: { key } })
    }
    expect(world.s3().keys('refused/-/')).toHaveLength(3)
    expect(await world.stored('youku')).toEqual([])
  })

  it('is a folder or is gone: nothing is written', async () => {
    expect(await world.send('incoming/eleme/', '')).toBeUndefined()
    expect(await world.drop({ key: 'incoming/eleme/a.ndjson', version: 'gone' })).toBeUndefined()
    expect([...world.s3().keys('refused/'), ...world.s3().keys('receipts/')]).toEqual([])
  })
})

it('a partner writes to the chain of its own prefix, whatever the lines say', async () => {
  await world.send('incoming/youku/eleme/a.ndjson', fileOf(linesOf(3)))
  expect((await world.stored('youku')).length).toBe(3)
  expect(await world.stored('eleme')).toEqual([])
})
