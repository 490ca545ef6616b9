import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { recordType, type Table } from '../../functions/kernel/table.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { instant } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'

const now = () => instant('2026-10-01T00:00:00Z')
const ringsOf = (table: Table, count: number) => {
  const vault = developmentVault()
  return Array.from({ length: count }, () => keyRing({ table, vault, now, random: systemRandom }))
}
const halfOrder = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n
const purposes = KeyPurpose.options

describe('the key ring', () => {
  it('has one key a purpose, named by its thumbprint, and no key twice', async () => {
    const { table } = await freshTable()
    const [ring] = ringsOf(table, 1)
    const keys = (await ring?.publicKeys()) ?? []
    expect(keys).toHaveLength(purposes.length)
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(purposes.length)
    for (const key of keys) {
      expect(key.kid).toBe(await calculateJwkThumbprint(key, 'sha256'))
      expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
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
    expect(stored).toHaveLength(purposes.length + 1)
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
