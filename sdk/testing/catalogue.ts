import type { Attack, OfferedTo } from './attack.ts'
import { corpus } from './corpus.ts'
import type { TestIssuer } from './issuer.ts'
import { validTokens } from './valid.ts'

/** One token that can be asked for by name. */
export interface Listed {
  readonly name: string
  readonly group: string
  readonly what: string
  /** The code of the refusal, or `accepted`. */
  readonly expected: string
  /** The code of the refusal's `cause`, where it has one. */
  readonly because?: string | undefined
  readonly offeredTo: OfferedTo
  readonly needsStatus: boolean
  /** The code is for a second look, this many seconds after one that passes. */
  readonly acceptedBeforeSeconds?: number | undefined
  readonly make: (issuer: TestIssuer) => string
}

const accepted = validTokens.map(({ name, what, make }) => ({
  name,
  group: 'accepted',
  what,
  expected: 'accepted',
  offeredTo: 'entitlement' as const,
  needsStatus: false,
  make,
}))

const refused = corpus.map(({ code: expected, ...row }: Attack) => ({ ...row, expected }))

/** Every token there is a name for: first those that pass, then those that must not. */
export const catalogue: readonly Listed[] = [...accepted, ...refused]

export const findListed = (name: string): Listed | undefined => catalogue.find(listed => listed.name === name)

/** Up to five names that could have been meant, the likeliest first. */
export function nearNames(name: string): readonly string[] {
  const scored = catalogue.map(listed => ({ name: listed.name, distance: distanceOf(name, listed.name) }))
  const near = scored.filter(({ distance }) => distance <= Math.max(2, Math.min(name.length, MAX_NAME) / 3))
  return near
    .toSorted((one, other) => one.distance - other.distance)
    .slice(0, 5)
    .map(scoredName => scoredName.name)
}

const MAX_NAME = 64

/** Edits from one to the other; a name that holds the other whole is one edit away. */
function distanceOf(asked: string, name: string): number {
  const from = asked.slice(0, MAX_NAME).toLowerCase().replaceAll('_', '-')
  if (from !== '' && (name.includes(from) || from.includes(name))) return 1
  let before = Array.from({ length: name.length + 1 }, (_, at) => at)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let at = 1; at <= name.length; at += 1) {
      const replaced = (before[at - 1] ?? 0) + (from[row - 1] === name[at - 1] ? 0 : 1)
      current.push(Math.min(replaced, (before[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1))
    }
    before = current
  }
  return before[name.length] ?? 0
}
