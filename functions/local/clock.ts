import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds, type Now, systemNow, testClock } from '../kernel/clock.ts'

export type MovableClock = { now: Now; moveTo(instant: Instant): boolean }

/** A test clock that a data folder remembers: what was lived through must not lie in the future after a restart. */
export function rememberedClock(dataFolder: string | undefined, start: Instant): MovableClock {
  if (!dataFolder) return testClock(start)
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  const file = join(dataFolder, 'clock.json')
  const ahead = readAhead(file)
  const present = systemNow()
  const clock = testClock(ahead === undefined ? start : undefined)
  const shifted: MovableClock = {
    now: clock.now,
    moveTo(instant) {
      const moved = clock.moveTo(instant)
      if (moved)
        writeFileSync(
          file,
          JSON.stringify({ aheadMilliseconds: Math.max(0, epochMilliseconds(clock.now()) - Date.now()) }),
        )
      return moved
    },
  }
  if (ahead) clock.moveTo(new Date(epochMilliseconds(present) + ahead).toISOString() as Instant)
  return shifted
}

function readAhead(file: string): number | undefined {
  try {
    return Number((JSON.parse(readFileSync(file, 'utf8')) as { aheadMilliseconds: number }).aheadMilliseconds)
  } catch {
    return undefined
  }
}
