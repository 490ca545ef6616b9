import { plusSeconds } from '../../functions/kernel/clock.ts'
import { stateOf } from '../../functions/tokens/key-lifecycle.ts'
import type { KeyPurpose, KeyRecord } from '../../schemas/key.ts'
import { instant } from '../memberships/world.ts'

const start = instant('2026-10-01T00:00:00Z')
export const at = (seconds: number) => plusSeconds(start, seconds)
export const day = 86_400

type Times = { published?: number; active?: number; withdrawn?: number }
/** Keys 1, 2, … of a purpose, with their times in seconds after the start. */
export const keysOf = (times: Times[], purpose: KeyPurpose = 'entitlement'): KeyRecord[] =>
  times.map(({ published = 0, active, withdrawn }, index) => {
    const kid = `k${index + 1}`
    return {
      purpose,
      sequence: index + 1,
      kid,
      publicJwk: { kty: 'EC', crv: 'P-256', x: kid, y: kid, kid, use: 'sig', alg: 'ES256', purpose },
      sealed: '',
      publishedAt: at(published),
      ...(active !== undefined && { activeFrom: at(active) }),
      ...(withdrawn !== undefined && { withdrawnAt: at(withdrawn) }),
    }
  })
export const kids = (keys: KeyRecord[]) => keys.map(({ kid }) => kid)
export const statesAt = (keys: KeyRecord[], seconds: number) => keys.map(key => stateOf(key, keys, at(seconds)))
