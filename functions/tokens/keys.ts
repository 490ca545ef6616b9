import { type KeyObject, sign } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import type { KeyPurpose, KeyRecord, PublicJwk } from '../../schemas/key.ts'
import type { Now } from '../kernel/clock.ts'
import type { Random } from '../kernel/ids.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { createFirstKey, createSecret, findSecret, keysOf, purposes } from './store.ts'
import { importPrivateKey, importPublicKey, type Vault } from './vault.ts'

export type KeyRing = ReturnType<typeof keyRing>
type Needs = { table: Table; vault: Vault; now: Now; random: Random }

/** How long public keys are held before they are read again: another instance may have made one meanwhile. */
const holdMilliseconds = 60_000

/**
 * The gateway's signing keys, one ES256 key a purpose. Private keys are opened by the vault once for each process, so
 * that a signature costs microseconds and no call.
 */
export function keyRing({ table, vault, now, random }: Needs) {
  const opened = new Map<string, KeyObject>()
  let held: { records: KeyRecord[]; at: number } | undefined

  /** Every key there is, the missing ones made first. */
  async function records(): Promise<KeyRecord[]> {
    if (held && performance.now() - held.at < holdMilliseconds) return held.records
    let found = await keysOf(table)
    const missing = purposes.filter(purpose => !found.some(record => record.purpose === purpose))
    for (const purpose of missing) await create(purpose)
    if (missing.length > 0) found = await keysOf(table)
    held = { records: found, at: performance.now() }
    return found
  }

  async function create(purpose: KeyPurpose): Promise<void> {
    const { publicKey, sealed } = await vault.generateKeyPair({ purpose })
    const { x = '', y = '' } = importPublicKey(publicKey).export({ format: 'jwk' })
    const kid = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x, y })
    const publicJwk: PublicJwk = { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256' }
    try {
      await createFirstKey(table, { purpose, kid, state: 'current', publicJwk, sealed, createdAt: now() })
    } catch (error) {
      // A rival process made this purpose's first key: its key is as good, ours is forgotten.
      if (!(error instanceof Conflict)) throw error
    }
  }

  async function current(purpose: KeyPurpose): Promise<{ kid: string; privateKey: KeyObject }> {
    const record = (await records()).find(key => key.purpose === purpose && key.state === 'current')
    if (!record) throw new Error(`no current ${purpose} key`)
    let privateKey = opened.get(record.kid)
    if (!privateKey) {
      privateKey = importPrivateKey(await vault.open(record.sealed, { purpose }))
      opened.set(record.kid, privateKey)
    }
    return { kid: record.kid, privateKey }
  }

  return {
    /** A compact JWS (RFC 7515) with ES256; `typ` tells what it is for. */
    async sign(purpose: KeyPurpose, typ: string, claims: object): Promise<string> {
      const { kid, privateKey } = await current(purpose)
      const input = `${segment({ alg: 'ES256', typ, kid })}.${segment(claims)}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${lowS(signature).toString('base64url')}`
    },
    /** Public keys that verifiers may trust, the current ones of each purpose first. */
    publicKeys: async (): Promise<PublicJwk[]> => (await records()).map(record => record.publicJwk),
    /** The public keys of one purpose: an access token is checked against these and no others. */
    publicKeysFor: async (purpose: KeyPurpose): Promise<PublicJwk[]> =>
      (await records()).filter(record => record.purpose === purpose).map(record => record.publicJwk),
    /** The private key itself, for the authorization server, which signs with its own library. */
    current,
    /** A random secret of the gateway, made once and the same for every instance. */
    async secret(name: string): Promise<Uint8Array> {
      const found = await findSecret(table, name)
      if (found) return vault.open(found.sealed, { secret: name })
      const fresh = random(32)
      try {
        await createSecret(table, { name, sealed: await vault.seal(fresh, { secret: name }), createdAt: now() })
        return fresh
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
        const rival = await findSecret(table, name)
        if (!rival) throw error
        return vault.open(rival.sealed, { secret: name })
      }
    },
  }
}

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/**
 * The lower of the two s values that are valid for one ECDSA signature. With only that one in use, nobody can turn a
 * token into another text that verifies as well, so that a token's text may serve as its name.
 */
function lowS(signature: Buffer): Buffer {
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  if (s <= order / 2n) return signature
  const lower = (order - s).toString(16).padStart(64, '0')
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(lower, 'hex')])
}
