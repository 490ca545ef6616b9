import { type KeyObject, sign } from 'node:crypto'
import { KeyPurpose, type KeyRecord, type PublicJwk } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import type { Random } from '../kernel/ids.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { type Clocks, type KeysOfPurposes, loadKeys, nowOf } from './key-creation.ts'
import { currentOf, holdSeconds, nextChangeOf, publishedOf } from './key-lifecycle.ts'
import { createSecret, findSecret } from './key-store.ts'
import { importPrivateKey, type Vault } from './vault.ts'

export type KeyRing = ReturnType<typeof keyRing>
type Needs = Clocks & { table: Table; vault: Vault; random: Random }

type Held = { keys: Promise<KeysOfPurposes>; readAt: number; businessTime: number }
/** What holds from one change of the keys of a purpose to the next, in epoch milliseconds. */
type Standing = { of: KeyRecord[]; from: number; until: number; current: KeyRecord; published: KeyRecord[] }
type Opened = { kid: string; privateKey: KeyObject }

/**
 * The gateway's signing keys, ES256, separate for each purpose. Private keys are opened by the vault once for each
 * process, so that a signature costs microseconds and no call. Who signs is told anew for every call from the times of
 * the records, which are read again every `holdSeconds`.
 */
export function keyRing(needs: Needs) {
  const { table, vault, now, random } = needs
  const standings = new Map<KeyPurpose, Standing>()
  const opened = new Map<KeyPurpose, Opened>()
  const opening = new Map<string, Promise<void>>()
  let held: Held | undefined

  function keys(): Promise<KeysOfPurposes> {
    const [readAt, businessTime] = [performance.now(), epochMilliseconds(now())]
    if (held && isFresh(held, readAt, businessTime)) return held.keys
    const fresh = { keys: loadKeys(needs), readAt, businessTime }
    held = fresh
    // What could not be read is tried again by the next call.
    fresh.keys.catch(() => {
      if (held === fresh) held = undefined
    })
    return fresh.keys
  }

  async function standing(purpose: KeyPurpose): Promise<Standing> {
    const { [purpose]: of } = await keys()
    const time = nowOf(needs, purpose)
    const at = epochMilliseconds(time)
    const known = standings.get(purpose)
    if (known?.of === of && at >= known.from && at < known.until) return known
    const fresh = standingAt(purpose, of, time)
    standings.set(purpose, fresh)
    return fresh
  }

  async function current(purpose: KeyPurpose): Promise<Opened> {
    for (;;) {
      const { current: record } = await standing(purpose)
      const known = opened.get(purpose)
      if (known?.kid === record.kid) return known
      // Opening takes a call. The key may be withdrawn meanwhile, so who is current is asked once more.
      await open(record)
    }
  }

  /** One opened key a purpose: those that no longer sign are not kept. Callers at the same time share one call. */
  function open({ purpose, kid, sealed }: KeyRecord): Promise<void> {
    const running = opening.get(kid)
    if (running !== undefined) return running
    const fresh = vault
      .open(sealed, { purpose, kid })
      .then(pkcs8 => {
        opened.set(purpose, { kid, privateKey: importPrivateKey(pkcs8) })
      })
      .finally(() => opening.delete(kid))
    opening.set(kid, fresh)
    return fresh
  }

  return {
    /** A compact JWS (RFC 7515) with ES256; `typ` tells what it is for. */
    async sign(purpose: KeyPurpose, typ: string, claims: object): Promise<string> {
      const { kid, privateKey } = await current(purpose)
      const input = `${segment({ alg: 'ES256', typ, kid })}.${segment(claims)}`
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${input}.${lowS(signature).toString('base64url')}`
    },
    /** The JWK Set: the public keys that verifiers may trust, those that sign now first. */
    async publicKeys(): Promise<PublicJwk[]> {
      const all = await Promise.all(KeyPurpose.options.map(standing))
      const isCurrent = (record: KeyRecord) => all.some(({ current }) => current === record)
      const published = all.flatMap(purpose => purpose.published)
      return [...published.filter(isCurrent), ...published.filter(record => !isCurrent(record))].map(jwkOf)
    },
    /** The public keys of one purpose: an access token is checked against these and no others. */
    publicKeysFor: async (purpose: KeyPurpose): Promise<PublicJwk[]> => (await standing(purpose)).published.map(jwkOf),
    /** The private key itself, for the authorization server, which signs with its own library. */
    current,
    /** The records as this instance holds them. */
    held: keys,
    /** The next call reads the records again: they have just changed. */
    forget(): void {
      held = undefined
    },
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

/** Held no longer than `holdSeconds`, neither in real time nor by a business clock that somebody moves. */
const isFresh = (held: Held, readAt: number, businessTime: number): boolean =>
  readAt - held.readAt < holdSeconds * 1000 && Math.abs(businessTime - held.businessTime) < holdSeconds * 1000

function standingAt(purpose: KeyPurpose, of: KeyRecord[], time: Instant): Standing {
  const current = currentOf(of, time)
  if (!current) throw new Error(`no current ${purpose} key`)
  const published = publishedOf(of, time)
  return { of, from: epochMilliseconds(time), until: nextChangeOf(of, time), current, published }
}

const jwkOf = ({ publicJwk }: KeyRecord): PublicJwk => publicJwk
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
