import { sha256 } from '../kernel/canonical.ts'
import { epochMilliseconds, type Now } from '../kernel/clock.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { countRequest, findPoll, savePoll } from './store.ts'

type Needs = { table: Table; wallNow: Now }

export const deviceCodeTtlSeconds = 600
/** Between two questions of one device (RFC 8628 section 3.2), and by how much it grows for who asks sooner. */
export const pollIntervalSeconds = 5
/** Timers and networks are not exact: who keeps to the interval must not be told off for a moment. */
const toleranceMilliseconds = 500

/** Devices of one partner, all of its people's together: what no partner needs, and the table bears. */
const defaultRequestsPerMinute = 6000

/**
 * Whether a device that still waits asked sooner than it may: then its interval is five seconds longer from now on, as
 * the device itself has it (RFC 8628 section 3.5).
 */
export function pollsTooSoon({ table, wallNow }: Needs, deviceCode: string): Promise<boolean> {
  const deviceCodeHash = sha256(deviceCode)
  return againOnConflict(async () => {
    const at = epochMilliseconds(wallNow())
    const before = await findPoll(table, deviceCodeHash)
    const interval = before?.intervalSeconds ?? pollIntervalSeconds
    const tooSoon = before !== undefined && at - before.at < interval * 1000 - toleranceMilliseconds
    const after = { at, intervalSeconds: tooSoon ? interval + pollIntervalSeconds : interval }
    const ttl = Math.floor(at / 1000) + deviceCodeTtlSeconds
    await savePoll(table, { deviceCodeHash, after, ...(before && { before }), ttl })
    return tooSoon
  })
}

export type DeviceLimit = {
  /** Device authorization requests of one client that are answered within a minute; 6,000 unless given. */
  deviceRequestsPerMinute?: number
}

/** Counts a device authorization request of the client. @returns seconds to wait where there were too many, else 0 */
export async function waitForDeviceRequest(needs: Needs & DeviceLimit, client: string): Promise<number> {
  const { table, wallNow, deviceRequestsPerMinute = defaultRequestsPerMinute } = needs
  const seconds = Math.floor(epochMilliseconds(wallNow()) / 1000)
  const minute = Math.floor(seconds / 60)
  const count = await countRequest(table, client, minute)
  return count > deviceRequestsPerMinute ? (minute + 1) * 60 - seconds : 0
}
