import { generateKeyPairSync, sign } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { testClock } from '../../functions/kernel/clock.ts'
import { systemRandom } from '../../functions/kernel/ids.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { drawStatusIndex } from '../../functions/tokens/draw-status-index.ts'
import type { KeyRing } from '../../functions/tokens/keys.ts'
import { markStatuses } from '../../functions/tokens/mark-statuses.ts'
import { statusAt } from '../../functions/tokens/status-list.ts'
import { signedStatusLists } from '../../functions/tokens/status-list-token.ts'
import type { PublicJwk } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type StatusIndex, StatusListClaims, type TokenStatus } from '../../schemas/status-list.ts'
import { decoded } from '../support/status-bits.ts'
import { freshTable } from '../support/table.ts'

const issuer = 'https://tessera.example'
const name = { partner: 'youku', list: 1 }
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const text = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const part = (jwt: string, index: number) =>
  JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString()) as Record<string, unknown>
const claimsOf = (jwt: string) => StatusListClaims.parse(part(jwt, 1))
const bitIn = (jwt: string, { index }: StatusIndex) => statusAt(decoded(claimsOf(jwt).status_list.lst, 65_536), index)

let table: Table
let reads: string[]
let writes: number
let signatures: number
let published: string[]
let clock: ReturnType<typeof testClock>
let index: StatusIndex

/** One process of the gateway: what it asks of the table is counted. */
function instance(around: Partial<Table> = {}) {
  const counted: Table = {
    ...table,
    get: async (type, key) => {
      reads.push(`${type.kind} ${key.sk}`)
      return table.get(type, key)
    },
    all: async (type, options) => {
      reads.push(`${type.kind} *`)
      return table.all(type, options)
    },
    write: async write => {
      writes += 1
      await table.write(write)
    },
    ...around,
  }
  const keys: Pick<KeyRing, 'sign' | 'publicKeysFor'> = {
    async sign(purpose, typ, claims) {
      expect(purpose).toBe('status-list')
      signatures += 1
      const input = `${text({ alg: 'ES256', typ, kid: published.at(-1) })}.${text(claims)}`
      return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    },
    publicKeysFor: async () => published.map(kid => ({ kid }) as PublicJwk),
  }
  return signedStatusLists({ table: counted, keys, now: clock.now, issuer })
}
const pass = (seconds: number) =>
  clock.moveTo(new Date(Date.parse(clock.now()) + seconds * 1000).toISOString() as Instant)
const mark = (at: StatusIndex, status: TokenStatus) => markStatuses({ table }, [{ partner: 'youku', at, status }])
const asked = async (work: () => Promise<unknown>) => {
  const before = { reads: reads.length, signatures, writes }
  await work()
  return {
    reads: reads.slice(before.reads),
    signatures: signatures - before.signatures,
    writes: writes - before.writes,
  }
}

beforeEach(async () => {
  ;({ table } = await freshTable())
  ;[reads, writes, signatures, published] = [[], 0, 0, ['first']]
  clock = testClock('2026-10-05T02:00:00Z' as Instant)
  index = await drawStatusIndex({ table, random: systemRandom }, 'youku')
})

describe('a signed list', () => {
  it('says what the draft asks for', async () => {
    const jwt = await instance()(name)
    expect(part(jwt, 0)).toEqual({ alg: 'ES256', typ: 'statuslist+jwt', kid: 'first' })
    const { iat, ...claims } = claimsOf(jwt)
    expect(Math.abs(iat - Date.parse('2026-10-05T02:00:00Z') / 1000)).toBeLessThan(30)
    expect(claims).toMatchObject({
      sub: `${issuer}/status-lists/youku/1`,
      iss: issuer,
      exp: iat + 3600,
      ttl: 60,
      status_list: { bits: 2 },
    })
    expect(decoded(claims.status_list.lst, 65_536)).toHaveLength(65_536)
  })

  it('costs nothing within 5 s of the last look, and one read after that', async () => {
    const list = instance()
    expect(await asked(() => list(name))).toEqual({
      reads: ['status-list HEAD', 'status-family HEAD', 'status-list-token TOKEN', 'status-bits *'],
      signatures: 1,
      writes: 1,
    })
    expect(await asked(async () => Promise.all(Array.from({ length: 50 }, () => list(name))))).toEqual({
      reads: [],
      signatures: 0,
      writes: 0,
    })
    pass(6)
    // Many requests at once look once.
    expect(await asked(async () => Promise.all(Array.from({ length: 50 }, () => list(name))))).toEqual({
      reads: ['status-list HEAD'],
      signatures: 0,
      writes: 0,
    })
  })

  it('is signed again for a change, and for nothing else within its ttl', async () => {
    const list = instance()
    const first = await list(name)
    await mark(index, 2)
    pass(6)
    const second = await list(name)
    expect([bitIn(first, index), bitIn(second, index)]).toEqual([0, 2])
    for (let times = 0; times < 8; times++) {
      pass(6)
      expect(await list(name)).toBe(second)
    }
    expect(signatures).toBe(2)
    pass(12)
    const third = await list(name)
    expect(signatures).toBe(3)
    expect(claimsOf(third).iat - claimsOf(second).iat).toBeGreaterThanOrEqual(60)
    expect(bitIn(third, index)).toBe(2)
  })

  it('is the same for every instance, also for one that has just started', async () => {
    const [one, two] = [instance(), instance()]
    await mark(index, 1)
    const first = await one(name)
    expect(await two(name)).toBe(first)
    pass(30)
    expect(await instance()(name)).toBe(first)
    expect(signatures).toBe(1)
  })

  it('is that of the quicker one when two sign at once, and both show the change', async () => {
    await mark(index, 1)
    const [first, second] = [instance(), instance()]
    const both = await Promise.all([first(name), second(name)])
    expect(both.map(jwt => bitIn(jwt, index))).toEqual([1, 1])
    pass(6)
    const [a, b] = await Promise.all([first(name), second(name)])
    expect([bitIn(a, index), bitIn(b, index)]).toEqual([1, 1])
    expect(signatures).toBeLessThanOrEqual(2)
    expect(await instance()(name)).toBe(a)
  })

  it('that was read before a change is not taken for one that shows it', async () => {
    // The change comes between the look at the revision and the reading of the chunks.
    const list = instance({
      get: async (type, key) => {
        const found = await table.get(type, key)
        if (type.kind === 'status-list') await mark(index, 1)
        return found
      },
    })
    await list(name)
    pass(6)
    expect(bitIn(await list(name), index)).toBe(1)
    expect(bitIn(await instance()(name), index)).toBe(1)
  })

  it('under a key that is no longer published is signed anew at the next look', async () => {
    const list = instance()
    await list(name)
    published = ['first', 'second']
    pass(6)
    expect(part(await list(name), 0)['kid']).toBe('first')
    published = ['second']
    pass(6)
    expect(part(await list(name), 0)['kid']).toBe('second')
    expect(part(await instance()(name), 0)['kid']).toBe('second')
    expect(signatures).toBe(2)
  })

  it('does not exist before something was drawn from it', async () => {
    const list = instance()
    for (const absent of [
      { partner: 'youku', list: 2 },
      { partner: 'eleme', list: 1 },
    ])
      await expect(list(absent)).rejects.toMatchObject({ code: 'status-list-not-found' })
    expect(signatures).toBe(0)
  })

  it('that could not be read is asked for again', async () => {
    let isDown = true
    const list = instance({
      all: async (type, options) => {
        if (isDown) throw new Error('the table is away')
        return table.all(type, options)
      },
    })
    await expect(list(name)).rejects.toThrow('away')
    isDown = false
    expect(bitIn(await list(name), index)).toBe(0)
  })
})

describe('bits', () => {
  it('of one batch are written chunk by chunk, with one revision a list', async () => {
    const indexes = [0, 1, 8191, 8192, 262_143].map(place => ({ list: 1, index: place }))
    const commits: number[] = []
    const counted: Table = {
      ...table,
      commit: async all => {
        commits.push(all.length)
        await table.commit(all)
      },
    }
    const marks = indexes.map(at => ({ partner: 'youku', at, status: 1 as const }))
    expect(await markStatuses({ table: counted }, marks)).toBe(true)
    // Three chunks and the head.
    expect(commits).toEqual([4])
    expect(await markStatuses({ table: counted }, marks)).toBe(false)
    expect(commits).toEqual([4])
    const jwt = await instance()(name)
    expect(indexes.map(at => bitIn(jwt, at))).toEqual([1, 1, 1, 1, 1])
  })

  it('set by many at once are all there', async () => {
    const places = Array.from({ length: 12 }, (_, one) => ({ list: 1, index: one * 3 }))
    await Promise.all(places.map((at, one) => mark(at, one % 2 === 0 ? 1 : 2)))
    const jwt = await instance()(name)
    expect(places.map(at => bitIn(jwt, at))).toEqual(places.map((_, one) => (one % 2 === 0 ? 1 : 2)))
  })
})
