import { beforeAll, describe, expect, test } from 'vitest'
import { put, recordType, remove, type Table, type Write } from '../../functions/kernel/table.ts'
import { balances, transfersOfPeriod } from '../../functions/settlement/balances.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { packLines, unpackLines } from '../../functions/usage/segments.ts'
import { FinalsChunk } from '../../schemas/disposition.ts'
import { Balance, StatementRecord, StatementToken, Transfer } from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import {
  bytesOf,
  close,
  closingOf,
  newWorld,
  november,
  october,
  reportNovember,
  reportOctober,
  statementsOf,
} from './world.ts'

/** The table as a process sees it that dies once it has made so many writes; refused ones do not count. */
function dyingTable(table: Table, lives: number): { table: Table; died: () => boolean } {
  let left = lives
  const dying =
    <Request>(write: (request: Request) => Promise<void>) =>
    async (request: Request): Promise<void> => {
      if (left === 0) throw new Error('killed')
      await write(request)
      left -= 1
      if (left === 0) throw new Error('killed')
    }
  const mortal = { ...table, write: dying<Write>(table.write), commit: dying<Write[]>(table.commit) }
  return { table: mortal, died: () => left === 0 }
}

async function settledWorld() {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-11-01T00:00:00Z')
  await close(world, october)
  await reportNovember(world)
  world.moveTo('2026-12-01T00:00:00Z')
  return world
}

const sumOf = (amounts: (number | bigint)[]) => amounts.reduce((sum: bigint, amount) => sum + BigInt(amount), 0n)

test('a close that dies after each of its writes comes to the same end, one write a life', async () => {
  const undisturbed = await settledWorld()
  await close(undisturbed, november)
  const expected = await bytesOf(undisturbed.table, november)

  const world = await settledWorld()
  let deaths = 0
  for (const act of [requestClose, runClose]) {
    for (let finished = false; !finished; ) {
      const { table, died } = dyingTable(world.table, 1)
      await act({ ...world, table }, closingOf(november)).catch((error: Error) => {
        if (error.message !== 'killed') throw error
      })
      finished = !died()
      if (!finished) deaths += 1
      // The last write of a request is the close itself: asked again, it would only be marked once more.
      if (act === requestClose && (await closesOf(world, '88vip')).length === 2) finished = true
    }
  }
  expect(deaths).toBeGreaterThan(20)
  await runClose(world, closingOf(november))
  expect(await bytesOf(world.table, november)).toBe(expected)
  expect(await transfersOfPeriod(world, closingOf(november))).toEqual(
    await transfersOfPeriod(undisturbed, closingOf(november)),
  )
  expect(await balances(world, '88vip')).toEqual(await balances(undisturbed, '88vip'))
  expect(sumOf((await balances(world, '88vip')).map(({ amountMinor }) => amountMinor))).toBe(0n)
})

test('a close that dies after its n-th write and is run again comes to the same end', {
  timeout: 120_000,
}, async () => {
  let expected: unknown
  let deaths = 0
  // From a life without end, which shows what is expected, to lives that end after the first, second … write.
  for (let lives = Number.POSITIVE_INFINITY, died = true; died; lives = deaths + 1) {
    const world = await newWorld()
    await reportOctober(world)
    world.moveTo('2026-11-01T00:00:00Z')
    const mortal = dyingTable(world.table, lives)
    await close({ ...world, table: mortal.table }, october).catch((error: Error) => {
      if (error.message !== 'killed') throw error
    })
    died = mortal.died() || expected === undefined
    if (mortal.died()) {
      deaths += 1
      await close(world, october)
    }
    const outcome = [await bytesOf(world.table, october), await balances(world, '88vip')]
    expected ??= outcome
    expect(outcome).toEqual(expected)
  }
  expect(deaths).toBeGreaterThan(20)
})

test('several closes at once give one set of statements', async () => {
  const world = await settledWorld()
  await Promise.all(Array.from({ length: 4 }, () => close(world, november)))
  const undisturbed = await settledWorld()
  await close(undisturbed, november)
  expect(await bytesOf(world.table, november)).toBe(await bytesOf(undisturbed.table, november))
  expect(await balances(world, '88vip')).toEqual(await balances(undisturbed, '88vip'))
  await runClose(world, closingOf(november))
})

test('asking again for a close that stands still marks it, so that it is taken up again', async () => {
  const world = await settledWorld()
  const first = await requestClose(world, closingOf(november))
  const second = await requestClose(world, closingOf(november))
  expect(second).toMatchObject({ state: 'cutoff', identity: first.identity, requests: 2, version: 2 })
  expect((await runClose(world, closingOf(november))).state).toBe('published')
})

test('a rival with other inputs gets the close that was there first', async () => {
  const world = await settledWorld()
  const rival = { ...world, contractsOf: async () => [] }
  const [one, other] = await Promise.all([
    requestClose(world, closingOf(november)),
    requestClose(rival, closingOf(november)),
  ])
  expect(one.identity).toBe(other.identity)
  expect((await runClose(rival, closingOf(november))).identity).toBe(one.identity)
  await runClose(world, closingOf(november))
})

describe('a stored item that was tampered with is named', () => {
  let world: Awaited<ReturnType<typeof settledWorld>>
  beforeAll(async () => {
    world = await settledWorld()
  })
  const verified = () => runClose(world, closingOf(october))
  const overwrite = (write: Write) => world.table.write(write)

  test('a statement', async () => {
    const [statement] = await statementsOf(world.table, october)
    if (!statement) throw new Error('no statement')
    const type = recordType('statement', StatementRecord)
    const key = { pk: `STATEMENT#${statement.id}`, sk: 'HEAD' }
    await overwrite(put(type, key, { ...statement, totalMinor: statement.totalMinor + 1, pages: 1 }))
    await expect(verified()).rejects.toThrow(`statement ${statement.id}`)
    await overwrite(put(type, key, { ...statement, pages: 1 }))
    await verified()
  })

  test('a signature', async () => {
    const [one, other] = await statementsOf(world.table, october)
    if (!one || !other) throw new Error('no statements')
    const type = recordType('statement-token', StatementToken)
    const keyOf = (id: string) => ({ pk: `STATEMENT#${id}`, sk: 'TOKEN' })
    const right = await world.table.get(type, keyOf(one.id))
    const wrong = await world.table.get(type, keyOf(other.id))
    if (!right || !wrong) throw new Error('no signatures')
    await overwrite(put(type, keyOf(one.id), { ...right, token: wrong.token }))
    await expect(verified()).rejects.toThrow(`signature of statement ${one.id}`)
    const otherHash = { sub: one.id, hash: other.hash }
    const forged = await world.keys.sign('statement', tokenTypes.statement, otherHash)
    await overwrite(put(type, keyOf(one.id), { ...right, token: forged }))
    await expect(verified()).rejects.toThrow(`signature of statement ${one.id}`)
    await overwrite(put(type, keyOf(one.id), right))
    await verified()
  })

  test('a transfer', async () => {
    const [transfer] = await transfersOfPeriod(world, closingOf(october))
    const identity = (await requestClose(world, closingOf(october))).identity.slice(0, 16)
    if (!transfer) throw new Error('no transfer')
    const type = recordType('transfer', Transfer)
    const key = { pk: 'LEDGER#88vip', sk: `TRANSFER#2026-10#${identity}#000001#01` }
    await overwrite(put(type, key, { ...transfer, amountMinor: transfer.amountMinor + 1 }))
    await expect(verified()).rejects.toThrow(`transfer ${transfer.id}`)
    await overwrite(put(type, key, transfer))
    await verified()
  })

  test('final dispositions, by the first line that differs', async () => {
    const { identity } = await requestClose(world, closingOf(october))
    const type = recordType('final-dispositions', FinalsChunk)
    const partition = 'CLOSE#88vip#2026-10'
    const keyOf = (partner: string, line = 1) => ({
      pk: partition,
      sk: `FINAL#${identity}#${partner}#000000000001#00000${line}`,
    })
    const right = await world.table.get(type, keyOf('youku'))
    if (!right) throw new Error('no finals')
    const lines = unpackLines(right.data).map(line => Buffer.from(line).toString())
    const overwriteLines = (changed: string[]) => {
      const packed = packLines(changed.map(line => Buffer.from(line)))
      return overwrite(
        put(type, keyOf('youku'), { ...right, lines: changed.length, data: packed[0]?.data ?? right.data }),
      )
    }
    // The second line took one use; a line that is gone shows at the one which follows it.
    await overwriteLines(lines.map((line, at) => (at === 1 ? line.replace('"2026-10",1,', '"2026-10",2,') : line)))
    await expect(verified()).rejects.toThrow('final disposition of line 1/2 of youku')
    await overwriteLines(lines.toSpliced(2, 1))
    await expect(verified()).rejects.toThrow('final disposition of line 1/3 of youku')
    await overwriteLines(lines.slice(0, 3))
    await expect(verified()).rejects.toThrow('final disposition of line 1/4 of youku')
    await overwriteLines(lines.with(0, '[1,1,"y1","lost"]'))
    await expect(verified()).rejects.toThrow('final disposition of line 1/1 of youku')
    await overwriteLines(lines)
    await verified()
    const added = { ...right, partner: 'zz', sequence: 1, line: 1 }
    await overwrite(put(type, keyOf('zz'), added))
    await expect(verified()).rejects.toThrow('final disposition of line 1/1 of zz')
    await overwrite(remove(keyOf('zz')))
    await verified()
  })

  test('a balance', async () => {
    const [balance] = await balances(world, '88vip')
    if (!balance) throw new Error('no balance')
    const type = recordType('balance', Balance)
    const key = { pk: 'LEDGER#88vip', sk: `BALANCE#${balance.account}` }
    await overwrite(put(type, key, { ...balance, amountMinor: BigInt(balance.amountMinor) + 1n }))
    await expect(verified()).rejects.toThrow(`balance ${balance.account}`)
    await overwrite(put(type, key, balance))
    await verified()
  })
})
