import * as z from 'zod'
import { LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { EntitlementId, MembershipId } from '../../schemas/ids.ts'
import { Instant, Slug, TimeZone } from '../../schemas/primitives.ts'
import { Limits, Quota } from '../../schemas/programme.ts'

/** Kinds, states and quota lengths by their place here: append, never reorder, since items name them by number. */
const kinds = ['access', 'allowance', 'discount', 'voucher', 'top-up'] as const satisfies LinkedEntitlement['kind'][]
const states = ['offered', 'pending', 'active', 'ending', 'suspended', 'ended', 'revoked', 'failed'] as const
const lengths = ['P1D', 'P1M', 'P1Y'] as const satisfies Quota['per'][]

const place = (names: readonly unknown[]) =>
  z
    .int()
    .min(0)
    .max(names.length - 1)
const UlidText = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/)
const none = z.literal(0)

/** One entitlement: ids without their prefix, memberships and time zones by their place in the lists before. */
const Row = z.tuple([
  UlidText, // id
  z.int().min(0), // membership
  z.int().min(0), // time zone
  Slug, // benefit
  place(kinds),
  place(states),
  Instant, // valid from
  Instant, // valid until
  z.union([Instant, none]), // grace until
  z.union([Limits, none]),
  z.union([z.tuple([place(lengths), Quota.shape.limit, z.union([z.literal(0), z.literal(1)])]), none]), // quota
  z.tuple([z.string().max(10), z.string().max(10)]).optional(), // idle after, idle before
])
const Compact = z.tuple([z.array(UlidText), z.array(z.string().max(64)), z.array(Row)])

/**
 * The entitlements of a link as one text, a fifth of what they take as attributes: a link with ten of them is read with
 * one read unit (4 KB). Parsed strictly both ways.
 */
export function compactText(entitlements: readonly LinkedEntitlement[]): string {
  const parsed = z.array(LinkedEntitlement).parse(entitlements)
  const memberships = [...new Set(parsed.map(({ membership }) => bare(membership)))]
  const timeZones = [...new Set(parsed.map(({ timeZone }) => timeZone))]
  const rows = parsed.map((one): z.input<typeof Row> => {
    const { id, membership, timeZone, benefit, kind, state, validFrom, validUntil, graceUntil, limits, quota, idle } =
      one
    const row: z.input<typeof Row> = [
      bare(id),
      memberships.indexOf(bare(membership)),
      timeZones.indexOf(timeZone),
      benefit,
      kinds.indexOf(kind),
      states.indexOf(state),
      validFrom,
      validUntil,
      graceUntil ?? 0,
      limits ?? 0,
      quota ? [lengths.indexOf(quota.per), quota.limit, quota.rollover ? 1 : 0] : 0,
    ]
    if (idle) row[11] = [idle.after, idle.before]
    return row
  })
  return JSON.stringify(Compact.parse([memberships, timeZones, rows]))
}

/** What `compactText` was given. @throws ZodError or SyntaxError for any other text */
export function fromCompactText(text: string): LinkedEntitlement[] {
  const [memberships, timeZones, rows] = Compact.parse(JSON.parse(text))
  return rows.map(
    ([id, membership, zone, benefit, kind, state, validFrom, validUntil, graceUntil, limits, quota, idle]) => ({
      id: `ent_${id}` as EntitlementId,
      membership: `mbr_${named(memberships, membership)}` as MembershipId,
      benefit,
      kind: named(kinds, kind),
      state: named(states, state),
      validUntil,
      timeZone: knownTimeZone(named(timeZones, zone)),
      validFrom,
      ...(limits !== 0 && { limits }),
      ...(quota !== 0 && { quota: { per: named(lengths, quota[0]), limit: quota[1], rollover: quota[2] === 1 } }),
      ...(graceUntil !== 0 && { graceUntil }),
      ...(idle && { idle: { after: idle[0], before: idle[1] } }),
    }),
  )
}

const bare = (id: string): string => id.slice(4)

function named<T>(names: readonly T[], index: number): T {
  const name = names[index]
  if (name === undefined) throw new RangeError(`the text names entry ${index} of ${names.length}`)
  return name
}

/** To ask the runtime for a time zone costs more than the whole rest of the text. */
const timeZonesSeen = new Set<string>()
function knownTimeZone(name: string): string {
  if (!timeZonesSeen.has(name)) timeZonesSeen.add(TimeZone.parse(name))
  return name
}
