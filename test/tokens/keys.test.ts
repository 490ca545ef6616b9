import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { recordType, type Table } from '../../functions/kernel/table.ts'
import { viewsOf } from '../../functions/tokens/key-lifecycle.ts'
import { rotateDueKeys, rotateKey } from '../../functions/tokens/key-rotation.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault, type Vault } from '../../functions/tokens/vault.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { instant } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'

const now = () => instant('2026-10-01T00:00:00Z')
const ringsOf = (table: Table, count: number) => {
  const vault = developmentVault()
  return Array.from({ length: count }, () => keyRing({ table, vault, now, wallNow: now, random: systemRandom }))
}
const halfOrder = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n
const purposes = KeyPurpose.options

describe('the key ring', () => {
  it('has two keys a purpose, named by their thumbprints, those that sign first, and no key twice', async () => {
    const { table } = await freshTable()
    const [ring] = ringsOf(table, 1)
    const keys = (await ring?.publicKeys()) ?? []
    expect(keys.map(({ purpose }) => purpose)).toEqual([...purposes, ...purposes])
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2 * purposes.length)
    const signing = await Promise.all(purposes.map(async purpose => (await ring?.current(purpose))?.kid))
    expect(keys.slice(0, purposes.length).map(({ kid }) => kid)).toEqual(signing)
    for (const key of keys) {
      expect(key.kid).toBe(await calculateJwkThumbprint(key, 'sha256'))
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'purpose', 'use', 'x', 'y'])
    }
  })

  it('is the same for processes that make the first keys at once', async () => {
    const { table } = await freshTable()
    const rings = ringsOf(table, 5)
    const sets = await Promise.all(rings.map(ring => ring.publicKeys()))
    for (const set of sets) expect(set).toEqual(sets[0])
    const signed = await Promise.all(rings.map(ring => ring.sign('event', 'x+jwt', { a: 1 })))
    const [key] = (await ringsOf(table, 1)[0]?.publicKeysFor('event')) ?? []
    if (!key) throw new Error('no key')
    for (const token of signed) await compactVerify(token, await importJWK(key, 'ES256'))
  })

  it('signs with the key of the purpose and no other', async () => {
    const { table } = await freshTable()
    const [ring] = ringsOf(table, 1)
    const token = (await ring?.sign('statement', 'settlement-statement+jwt', { total: 1 })) ?? ''
    for (const purpose of purposes) {
      const [key] = (await ring?.publicKeysFor(purpose)) ?? []
      const verified = compactVerify(token, await importJWK(key as object, 'ES256'))
      if (purpose === 'statement') {
        const { protectedHeader, payload } = await verified
        expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'settlement-statement+jwt', kid: key?.kid })
        expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ total: 1 })
      } else await expect(verified).rejects.toThrow()
    }
  })

  it('always gives the lower s, and signatures that verify', async () => {
    const { table } = await freshTable()
    const [ring] = ringsOf(table, 1)
    if (!ring) throw new Error('no ring')
    const [key] = await ring.publicKeysFor('event')
    const publicKey = createPublicKey({ key: { ...key }, format: 'jwk' })
    for (let round = 0; round < 200; round++) {
      const token = await ring.sign('event', 'x+jwt', { round })
      const [header, payload, text = ''] = token.split('.')
      const signature = Buffer.from(text, 'base64url')
      expect(signature).toHaveLength(64)
      expect(BigInt(`0x${signature.subarray(32).toString('hex')}`)).toBeLessThanOrEqual(halfOrder)
      const input = Buffer.from(`${header}.${payload}`)
      expect(verify('sha256', input, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true)
    }
  })

  it('stores no private key and no secret in the clear', async () => {
    const { table } = await freshTable()
    const [ring] = ringsOf(table, 1)
    if (!ring) throw new Error('no ring')
    await ring.publicKeys()
    const secret = Buffer.from(await ring.secret('cookies'))
    const stored = await table.all(recordType('any', z.looseObject({})), { partition: 'KEYS' })
    expect(stored).toHaveLength(2 * purposes.length + 1)
    const text = JSON.stringify(stored)
    for (const purpose of purposes) {
      const { privateKey } = await ring.current(purpose)
      const { d = '' } = privateKey.export({ format: 'jwk' })
      const scalar = Buffer.from(d, 'base64url')
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        expect(text).not.toContain(scalar.toString(encoding).slice(2, 30))
    }
    for (const encoding of ['base64', 'base64url', 'hex'] as const)
      expect(text).not.toContain(secret.toString(encoding))
    for (const { sealed } of stored as { sealed: string }[]) {
      const bytes = Buffer.from(sealed, 'base64')
      expect(() => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })).toThrow()
    }
  })

  it('cannot be opened by a process with another vault', async () => {
    const { table } = await freshTable()
    await ringsOf(table, 1)[0]?.publicKeys()
    await expect(ringsOf(table, 1)[0]?.sign('event', 'x+jwt', {})).rejects.toThrow()
  })
})

describe('what an instance holds', () => {
  /** A ring with a business clock and a wall clock that a test moves, and a count of what it asks of the outside. */
  async function countingRing() {
    const { table: opened } = await freshTable()
    const calls = { query: 0, decrypt: 0 }
    const time = { now: instant('2026-10-01T00:00:00Z'), wall: instant('2026-11-21T00:00:00Z') }
    const inner = developmentVault()
    const vault: Vault = {
      ...inner,
      open: (...sealed) => {
        calls.decrypt += 1
        return inner.open(...sealed)
      },
    }
    const table: Table = {
      ...opened,
      all: (...query) => {
        calls.query += 1
        return opened.all(...query)
      },
    }
    const needs = { table, vault, now: () => time.now, wallNow: () => time.wall, random: systemRandom, log: silentLog }
    const keys = keyRing(needs)
    await keys.publicKeys()
    Object.assign(calls, { query: 0, decrypt: 0 })
    return { needs: { ...needs, keys }, keys, calls, time }
  }

  it('serves 60 s without a read, and opens a key once for callers that come at the same time', async () => {
    const { keys, calls, time } = await countingRing()
    await Promise.all(Array.from({ length: 50 }, () => keys.sign('entitlement', 'x', {})))
    time.now = instant('2026-10-01T00:00:59.999Z')
    await keys.sign('entitlement', 'x', {})
    await keys.publicKeysFor('access')
    expect(calls).toEqual({ query: 0, decrypt: 1 })
    time.now = instant('2026-10-01T00:01:00Z')
    await Promise.all(Array.from({ length: 50 }, () => keys.sign('entitlement', 'x', {})))
    expect(calls).toEqual({ query: 1, decrypt: 1 })
  })

  it('changes over at the very instant, with records that it read before', async () => {
    const { needs, keys, calls, time } = await countingRing()
    const before = await keys.current('event')
    const { keys: views } = await rotateKey(needs, { purpose: 'event', by: 'test' })
    expect(views.map(({ state, activeFrom }) => [state, activeFrom])).toEqual([
      ['current', '2026-10-01T00:00:00Z'],
      ['next', '2026-10-01T00:10:00Z'],
      ['next', undefined],
    ])
    time.now = instant('2026-10-01T00:09:58Z')
    expect((await keys.current('event')).kid).toBe(before.kid)
    calls.query = 0
    time.now = instant('2026-10-01T00:09:59.999Z')
    expect((await keys.current('event')).kid).toBe(before.kid)
    time.now = instant('2026-10-01T00:10:00Z')
    expect((await keys.current('event')).kid).toBe(views[1]?.kid)
    expect(calls.query).toBe(0)
  })

  it('goes by real time for access tokens and by the business clock for everything else', async () => {
    const { keys, needs, time } = await countingRing()
    const held = await keys.held()
    expect(held.access.map(({ publishedAt }) => publishedAt)).toEqual([time.wall, time.wall])
    expect(held.entitlement[0]?.activeFrom).toBe(time.now)
    for (const purpose of ['access', 'event'] as const) await rotateKey(needs, { purpose, by: 'test' })
    time.now = instant('2027-10-01T00:00:00Z')
    const states = async (purpose: KeyPurpose) =>
      viewsOf((await keys.held())[purpose], purpose === 'access' ? time.wall : time.now).map(({ state }) => state)
    expect(await states('event')).toEqual(['retired', 'current', 'next'])
    expect(await states('access')).toEqual(['current', 'next', 'next'])
    const [, second] = held.access
    time.wall = instant('2026-11-21T00:10:00Z')
    expect((await keys.current('access')).kid).toBe(second?.kid)
  })

  it('is what scheduled rotation looks at: one Query a minute, however often the timers fire', async () => {
    const { needs, calls, time } = await countingRing()
    for (const second of ['00', '05', '30', '59']) {
      time.now = instant(`2026-10-01T00:00:${second}Z`)
      await rotateDueKeys(needs)
    }
    expect(calls.query).toBe(0)
    time.now = instant('2026-10-01T00:01:00Z')
    for (const _ of [1, 2, 3]) await rotateDueKeys(needs)
    expect(calls.query).toBe(1)
  })

  it('is read again after it could not be read, and after a key could not be opened', async () => {
    const { needs } = await countingRing()
    let faults = 1
    const failing = <T>(value: () => Promise<T>) => (faults-- > 0 ? Promise.reject(new Error('fault')) : value())
    const all: Table['all'] = (...query) => failing(() => needs.table.all(...query))
    const keys = keyRing({ ...needs, table: { ...needs.table, all } })
    await expect(keys.sign('event', 'x', {})).rejects.toThrow('fault')
    expect(await keys.sign('event', 'x', {})).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    faults = 1
    const vault: Vault = { ...needs.vault, open: (...sealed) => failing(() => needs.vault.open(...sealed)) }
    const other = keyRing({ ...needs, vault })
    await expect(other.sign('event', 'x', {})).rejects.toThrow('fault')
    expect(await other.sign('event', 'x', {})).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  it('never signs with a key that was withdrawn while it was being opened', async () => {
    const { needs } = await countingRing()
    let opening = () => {}
    let goOn = () => {}
    const opened = new Promise<void>(resolve => {
      opening = resolve
    })
    const released = new Promise<void>(resolve => {
      goOn = resolve
    })
    const vault: Vault = {
      ...needs.vault,
      async open(...sealed) {
        opening()
        await released
        return needs.vault.open(...sealed)
      },
    }
    const keys = keyRing({ ...needs, vault })
    const withdrawn = (await keys.publicKeysFor('event'))[0]?.kid
    const signed = keys.sign('event', 'x', {})
    await opened
    await rotateKey({ ...needs, keys }, { purpose: 'event', by: 'test', emergency: true })
    goOn()
    const header = JSON.parse(Buffer.from((await signed).split('.')[0] ?? '', 'base64url').toString()) as object
    expect(header).not.toMatchObject({ kid: withdrawn })
    expect((await keys.publicKeysFor('event')).map(({ kid }) => kid)).not.toContain(withdrawn)
  })
})

describe('a secret of the gateway', () => {
  it('is the same for rivals and for ever, and another one under another name', async () => {
    const { table } = await freshTable()
    const rings = ringsOf(table, 6)
    const secrets = await Promise.all(rings.map(ring => ring.secret('cookies')))
    const texts = new Set(secrets.map(secret => Buffer.from(secret).toString('hex')))
    expect(texts.size).toBe(1)
    expect(Buffer.from((await rings[0]?.secret('cookies')) ?? []).toString('hex')).toBe([...texts][0])
    expect(Buffer.from((await rings[0]?.secret('other')) ?? []).toString('hex')).not.toBe([...texts][0])
    expect(secrets[0]).toHaveLength(32)
  })
})
