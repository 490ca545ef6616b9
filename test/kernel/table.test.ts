import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  add,
  againOnConflict,
  Conflict,
  check,
  put,
  recordType,
  remove,
  type Table,
} from '../../functions/kernel/table.ts'
import { freshTable } from '../support/table.ts'

const thing = recordType('thing', z.strictObject({ name: z.string(), version: z.int(), more: z.unknown().optional() }))
const balance = recordType('balance', z.strictObject({ amount: z.union([z.int(), z.bigint()]) }))
const key = (sk: string, pk = 'THINGS') => ({ pk, sk })
const one = (name: string, version = 1) => ({ name, version })
const conflict = (refused: number[]) => ({ name: 'Conflict', refused })

let table: Table
beforeEach(async () => {
  table = (await freshTable()).table
})

describe('conditions', () => {
  const write = (when: Parameters<typeof put>[3]) => table.write(put(thing, key('a'), one('new', 2), when))
  const stored = () => table.get(thing, key('a'))

  it.each<[string, boolean, Parameters<typeof put>[3], boolean]>([
    ['none', true, {}, true],
    ['absent', false, { when: 'absent' }, true],
    ['absent', true, { when: 'absent' }, false],
    ['present', true, { when: 'present' }, true],
    ['present', false, { when: 'present' }, false],
    ['equals what is there', true, { when: { equals: { version: 1, name: 'old' } } }, true],
    ['equals another value', true, { when: { equals: { version: 1, name: 'other' } } }, false],
    ['equals where nothing is', false, { when: { equals: { version: 1 } } }, false],
    ['absentOr where nothing is', false, { when: { absentOr: { version: 1 } } }, true],
    ['absentOr what is there', true, { when: { absentOr: { version: 1 } } }, true],
    ['absentOr another value', true, { when: { absentOr: { version: 7 } } }, false],
  ])('%s (item there: %s)', async (_, there, when, expected) => {
    if (there) await table.write(put(thing, key('a'), one('old')))
    if (expected) {
      await write(when)
      expect(await stored()).toEqual(one('new', 2))
    } else {
      await expect(write(when)).rejects.toMatchObject(conflict([0]))
      expect(await stored()).toEqual(there ? one('old') : undefined)
    }
  })

  it('hold for removals', async () => {
    await table.write(put(thing, key('a'), one('old')))
    await expect(table.write(remove(key('a'), { equals: { version: 2 } }))).rejects.toBeInstanceOf(Conflict)
    await table.write(remove(key('a'), { equals: { version: 1 } }))
    expect(await stored()).toBeUndefined()
  })
})

describe('a commit', () => {
  it('writes all or nothing, and tells which writes were refused', async () => {
    await table.write(put(thing, key('b'), one('b')))
    const commit = table.commit([
      put(thing, key('a'), one('a'), { when: 'absent' }),
      put(thing, key('b'), one('b2', 2), { when: 'absent' }),
      check(key('c'), 'present'),
    ])
    await expect(commit).rejects.toMatchObject(conflict([1, 2]))
    expect(await table.get(thing, key('a'))).toBeUndefined()
    expect(await table.get(thing, key('b'))).toEqual(one('b'))
  })

  it('adds to balances that pass 2^53 exactly', async () => {
    const large = 2n ** 60n
    await table.commit([add(key('x'), 'balance', 'amount', large), add(key('y'), 'balance', 'amount', -3n)])
    await table.commit([add(key('x'), 'balance', 'amount', 1n)])
    expect(await table.get(balance, key('x'))).toEqual({ amount: large + 1n })
    expect(await table.get(balance, key('y'))).toEqual({ amount: -3 })
  })

  it('of twenty rivals at one version counts every one', async () => {
    await table.write(put(thing, key('a'), one('count', 0)))
    await Promise.all(
      Array.from({ length: 12 }, () =>
        againOnConflict(async () => {
          const before = await table.get(thing, key('a'))
          const version = before?.version ?? 0
          await table.commit([put(thing, key('a'), one('count', version + 1), { when: { equals: { version } } })])
        }, 40),
      ),
    )
    expect((await table.get(thing, key('a')))?.version).toBe(12)
  })
})

describe('trying again', () => {
  it('gives up with the conflict after the last attempt, and passes other errors on', async () => {
    let attempts = 0
    const always = (error: Error) => async () => {
      attempts += 1
      throw error
    }
    await expect(againOnConflict(always(new Conflict([0])), 3)).rejects.toBeInstanceOf(Conflict)
    expect(attempts).toBe(3)
    await expect(againOnConflict(always(new TypeError('bug')), 3)).rejects.toThrow('bug')
    expect(attempts).toBe(4)
  })
})

describe('what is read', () => {
  it('is parsed, and keeps numbers as they were', async () => {
    const more = {
      half: 0.5,
      minus: -1.25,
      tiny: 1e-12,
      zero: 0,
      large: Number.MAX_SAFE_INTEGER,
      text: '',
      list: [1, 'a'],
    }
    await table.write(put(thing, key('a'), { ...one('a'), more }))
    expect(await table.get(thing, key('a'))).toEqual({ ...one('a'), more })
  })

  it('is refused when it is not of its shape, on write as on read', async () => {
    const loose = recordType('thing', z.looseObject({}))
    await table.write(put(loose, key('a'), { name: 'a', version: 1, extra: true }))
    await expect(table.get(thing, key('a'))).rejects.toThrow()
    expect(() => put(thing, key('b'), { name: 'b', version: 1.5 })('t')).toThrow()
  })

  it('of many keys leaves out what is not there', async () => {
    const names = Array.from({ length: 130 }, (_, n) => `n-${String(n).padStart(3, '0')}`)
    for (const name of names.slice(0, 120)) await table.write(put(thing, key(name), one(name)))
    const found = await table.getMany(
      thing,
      names.map(name => key(name)),
    )
    expect(found.map(({ name }) => name).sort()).toEqual(names.slice(0, 120))
    expect(await table.getMany(thing, [])).toEqual([])
  })

  it('of one partition comes by kind', async () => {
    await table.commit([
      put(thing, key('a'), one('a')),
      put(balance, key('b'), { amount: 5 }),
      put(thing, key('c', 'OTHER'), one('c')),
    ])
    expect(await table.collection({ thing, balance }, { partition: 'THINGS' })).toEqual({
      thing: [one('a')],
      balance: [{ amount: 5 }],
    })
  })
})

describe('a query', () => {
  const names = ['A#1', 'A#2', 'A#3', 'B#1', 'B#2']
  beforeEach(async () => {
    for (const name of names)
      await table.write(put(thing, { ...key(name), gsi1pk: 'INDEX', gsi1sk: `${name}!` }, one(name)))
    await table.write(put(thing, { ...key('A#9', 'SECRETS'), gsi1pk: 'HIDDEN', gsi1sk: 'A#9!' }, one('secret')))
  })
  const found = async (options: object) =>
    (await table.all(thing, { partition: 'THINGS', ...options })).map(({ name }) => name)

  it.each<[object, string[]]>([
    [{}, names],
    [{ startsWith: 'A#' }, ['A#1', 'A#2', 'A#3']],
    [{ from: 'A#2', to: 'B#1' }, ['A#2', 'A#3', 'B#1']],
    [{ from: 'B#' }, ['B#1', 'B#2']],
    [{ to: 'A#2' }, ['A#1', 'A#2']],
    [{ descending: true, limit: 2 }, [...names].reverse()],
    [{ partition: 'INDEX', index: 'gsi1', startsWith: 'B#', limit: 1 }, ['B#1', 'B#2']],
    [{ partition: 'NONE' }, []],
  ])('%o', async (options, expected) => {
    expect(await found(options)).toEqual(expected)
  })

  it.each([{ partition: 'THINGS' }, { partition: 'INDEX', index: 'gsi1' as const }])('pages: %o', async options => {
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await table.query(thing, { ...options, limit: 2, cursor })
      expect(page.items.length).toBeLessThanOrEqual(2)
      seen.push(...page.items.map(({ name }) => name))
      cursor = page.next
    } while (cursor)
    expect(seen).toEqual(names)
  })

  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  it.each<[string, string]>([
    ['no base64', '%%%'],
    ['no JSON', Buffer.from('{').toString('base64url')],
    ['null', encoded(null)],
    ['a list', encoded(['THINGS', 'A#1'])],
    ['a number', encoded(7)],
    ['no key', encoded({})],
    ['half a key', encoded({ pk: 'THINGS' })],
    ['more than a key', encoded({ pk: 'THINGS', sk: 'A#1', more: 'x' })],
    ['another type', encoded({ pk: 'THINGS', sk: 7 })],
    ['an operator', encoded({ pk: 'THINGS', sk: { S: 'A#1' } })],
    ['an empty key', encoded({ pk: 'THINGS', sk: '' })],
    ['another partition', encoded({ pk: 'SECRETS', sk: 'A#1' })],
    ['outside of what is asked', encoded({ pk: 'THINGS', sk: 'B#1' })],
    ['a key of an index', encoded({ pk: 'THINGS', sk: 'A#1', gsi1pk: 'INDEX', gsi1sk: 'A#1!' })],
    ['too much', encoded({ pk: 'THINGS', sk: `A#${'x'.repeat(10_000)}` })],
  ])('refuses a cursor that is %s', async (_, cursor) => {
    const hostile = table.query(thing, { partition: 'THINGS', startsWith: 'A#', cursor })
    await expect(hostile).rejects.toMatchObject({
      name: 'Refusal',
      code: 'invalid-request',
      errors: [{ pointer: '/cursor', detail: 'not a cursor' }],
    })
  })

  it('never reads another partition of an index by its cursor', async () => {
    const cursor = encoded({ pk: 'SECRETS', sk: 'A#9', gsi1pk: 'HIDDEN', gsi1sk: 'A#0' })
    await expect(table.query(thing, { partition: 'INDEX', index: 'gsi1', cursor })).rejects.toMatchObject({
      code: 'invalid-request',
    })
    // A made-up key of the partition itself only moves the place from which it is read.
    const within = encoded({ pk: 'SECRETS', sk: 'A#9', gsi1pk: 'INDEX', gsi1sk: 'A#3!' })
    const { items } = await table.query(thing, { partition: 'INDEX', index: 'gsi1', cursor: within })
    expect(items.map(({ name }) => name)).not.toContain('secret')
  })
})
