import { type KeyObject, sign } from 'node:crypto'
import { KeyPurpose, type KeyRecord, type PublicJwk } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds, heldFor } from '../kernel/clock.ts'
import type { Random } from '../kernel/ids.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { type KeysOfPurposes, loadKeys } from './key-creation.ts'
import { type Clocks, currentOf, holdSeconds, nextChangeOf, nowOf, publishedOf } from './key-lifecycle.ts'
import { createSecret, findSecret } from './key-store.ts'
import { importPrivateKey, type Vault } from './vault.ts'

export type KeyRing = ReturnType<typeof keyRing>
type Needs = Clocks & { table: Table; vault: Vault; random: Random }

/**
 * The gateway's signing keys, ES256, separate for each purpose. Private keys are opened by the vault once for each
 * process, so that a signature costs microseconds and no call. Who signs is told anew for every call from the times of
 * the records, which are read again every `holdSeconds`.
 */
export function keyRing(needs: Needs) {
  const { table, vault, now, random } = needs
  const { held, forget, standing } = standings(needs)
  const { openedOf, open } = openedKeys(vault)

  async function current(purpose: KeyPurpose): Promise<Opened> {
    for (;;) {
      const { current: record } = await standing(purpose)
      const known = openedOf(record)
      if (known) return known
      // Opening takes a call. The key may be withdrawn meanwhile, so who is current is asked once more.
      await open(record)
    }
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
    held,
    /** The next call reads the records again: they have just changed. */
    forget,
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

/** What holds from one change of the keys of a purpose to the next, in epoch milliseconds. */
type Standing = { of: KeyRecord[]; from: number; until: number; current: KeyRecord; published: KeyRecord[] }

/** Which keys count at this moment, by the records that this instance holds. */
function standings(needs: Needs) {
  const known = new Map<KeyPurpose, Standing>()
  const records = heldFor<KeysOfPurposes>(holdSeconds)
  const held = (): Promise<KeysOfPurposes> => records.get('all', needs.now(), () => loadKeys(needs))
  return {
    held,
    forget: records.forget,
    async standing(purpose: KeyPurpose): Promise<Standing> {
      const { [purpose]: of } = await held()
      const time = nowOf(needs, purpose)
      const at = epochMilliseconds(time)
      const last = known.get(purpose)
      if (last?.of === of && at >= last.from && at < last.until) return last
      const fresh = standingAt(purpose, of, time)
      known.set(purpose, fresh)
      return fresh
    },
  }
}

function standingAt(purpose: KeyPurpose, of: KeyRecord[], time: Instant): Standing {
  const current = currentOf(of, time)
  if (!current) throw new Error(`no current ${purpose} key`)
  const published = publishedOf(of, time)
  return { of, from: epochMilliseconds(time), until: nextChangeOf(of, time), current, published }
}

type Opened = { kid: string; privateKey: KeyObject }

/** One opened key a purpose: those that no longer sign are not kept. Callers at the same time share one call. */
function openedKeys(vault: Vault) {
  const opened = new Map<KeyPurpose, Opened>()
  const opening = new Map<string, Promise<void>>()
  return {
    openedOf({ purpose, kid }: KeyRecord): Opened | undefined {
      const known = opened.get(purpose)
      return known?.kid === kid ? known : undefined
    },
    open({ purpose, kid, sealed }: KeyRecord): Promise<void> {
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
    },
  }
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
