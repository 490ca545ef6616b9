import * as z from 'zod'

/** An instant as an RFC 3339 string in UTC with at most milliseconds, e.g. `2026-10-03T04:11:09Z`. */
export const Instant = z.iso
  .datetime({ error: 'an RFC 3339 instant in UTC that ends with Z, such as 2026-10-03T04:11:09Z' })
  .regex(/^[^.]*(\.\d{1,3})?Z$/, 'at most three digits of a second')
  .brand('Instant')
  .meta({ id: 'Instant', description: 'RFC 3339 instant in UTC', example: '2026-10-03T04:11:09Z' })
export type Instant = z.infer<typeof Instant>

/** A calendar day of the programme's time zone, `2026-10-03`. */
export const Day = z.iso.date().brand('Day').meta({ id: 'Day', example: '2026-10-03' })
export type Day = z.infer<typeof Day>

/** A calendar month of the programme's time zone, `2026-10`. */
export const Period = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'a month such as 2026-10')
  .brand('Period')
  .meta({ id: 'Period', example: '2026-10' })
export type Period = z.infer<typeof Period>

const durationParts = /^P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,4})D)?$/

/** Beyond a century an end would leave the years that an instant can be written in. */
function withinCentury(duration: string): boolean {
  const [, years = 0, months = 0, weeks = 0, days = 0] = durationParts.exec(duration) ?? []
  return Number(years) * 366 + Number(months) * 31 + Number(weeks) * 7 + Number(days) <= 36_600
}

/** An ISO 8601 calendar duration of years, months, weeks and days: `P1Y`, `P30D`. */
export const Duration = z
  .string()
  .regex(durationParts, 'an ISO 8601 duration of whole days such as P30D')
  .refine(withinCentury, 'at most a hundred years')
  .meta({ id: 'Duration', example: 'P30D' })

/** What an operator names: a programme, brand, partner, plan, benefit or contract. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, at most 64')
  .meta({ id: 'Slug', example: 'youku-vip' })

/** An id that a caller chose for its own object: any visible ASCII, at most 128 characters. */
export const ForeignId = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, '1 to 128 visible ASCII characters')
  .meta({ id: 'ForeignId', example: 'order-20261003-17' })

/** A non-negative decimal in major units or as a rate: at most 12 digits before and 12 after the point. */
export const Decimal = z
  .string()
  .regex(/^(0|[1-9]\d{0,11})(\.\d{1,12})?$/, 'a decimal string such as "6.5", at most 12 digits on either side')
  .meta({ id: 'Decimal', example: '6.5' })

/** A part of a whole: a decimal from 0 to 1. */
export const Share = z
  .string()
  .regex(/^(0(\.\d{1,12})?|1(\.0{1,12})?)$/, 'a decimal string from "0" to "1", at most 12 digits after the point')
  .meta({ id: 'Share', example: '0.06' })

/** An IANA time zone that this runtime knows. */
export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, 'an IANA time zone such as Asia/Shanghai')
  .meta({ id: 'TimeZone', example: 'Asia/Shanghai' })

/** Asking takes as long as all else about an entitlement, and there are few zones. */
const knownZones = new Set<string>()

function isTimeZone(name: string): boolean {
  if (knownZones.has(name)) return true
  try {
    // An offset such as "+08:00" is accepted by Intl but is no place: it has no rules for daylight saving.
    const isKnown = /^[A-Za-z]/.test(name) && Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
    if (isKnown && knownZones.size < 1_000) knownZones.add(name)
    return isKnown
  } catch {
    return false
  }
}

const isCount = (count: number, least: number, most: number): boolean => count >= least && count <= most

/** One text in several languages, keyed by BCP 47 tag. */
export const LocalizedText = z
  .record(z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}$/), z.string().min(1).max(200))
  .refine(texts => isCount(Object.keys(texts).length, 1, 20), '1 to 20 languages')
  .meta({ id: 'LocalizedText', example: { 'zh-CN': '优酷 VIP', en: 'Youku VIP' } })
export type LocalizedText = z.infer<typeof LocalizedText>

/** A hash as lower-case hexadecimal SHA-256. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ id: 'Sha256' })
