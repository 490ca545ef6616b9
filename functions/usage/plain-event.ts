import { usageLimits } from '../../schemas/usage.ts'

const foreignId = /^[\x21-\x7e]{1,128}$/
const slug = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/
const entitlementId = /^[\x20-\x7e]{1,64}$/
const subject = /^[\x20-\x7e]{1,128}$/
/** All days but 29 February, which only some years have. */
const instant =
  /^\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?Z$/
const currencies = new Set(Intl.supportedValuesOf('currency'))

const matches = (value: unknown, pattern: RegExp): boolean => typeof value === 'string' && pattern.test(value)
const isCount = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most

const required = 5

/**
 * Recognises the usual event without its schema, which takes several times as long and judges all others. It says yes
 * only to what the schema accepts as it stands (a property test holds it to that), and its no means nothing.
 * @returns how many members and texts the event is made of, where it is a usual one
 */
export function plainEvent(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = value as Record<string, unknown>
  const names = Object.keys(fields)
  let needed = 0
  let parts = 0
  for (const name of names) {
    const kind = isFit(name, fields[name])
    if (kind === undefined) return undefined
    if (kind.isRequired) needed++
    parts += kind.parts
  }
  return needed === required ? parts : undefined
}

type Kind = { isRequired: boolean; parts: number }
const requiredText: Kind = { isRequired: true, parts: 2 }
const text: Kind = { isRequired: false, parts: 2 }
const number: Kind = { isRequired: false, parts: 1 }
/** Its own name, two names within and one text. */
const money: Kind = { isRequired: false, parts: 4 }

function isFit(name: string, value: unknown): Kind | undefined {
  switch (name) {
    case 'id':
      return matches(value, foreignId) ? requiredText : undefined
    case 'entitlementId':
      return matches(value, entitlementId) ? requiredText : undefined
    case 'benefit':
      return matches(value, slug) ? requiredText : undefined
    case 'subject':
      return matches(value, subject) ? requiredText : undefined
    case 'occurredAt':
      return matches(value, instant) ? requiredText : undefined
    case 'quantity':
      return isCount(value, 1, usageLimits.quantity) ? number : undefined
    case 'amount':
      return isAmount(value) ? money : undefined
    case 'type':
      return value === 'use' ? text : undefined
    case 'redemptionId':
    case 'tokenId':
      return matches(value, foreignId) ? text : undefined
    default:
      return undefined
  }
}

function isAmount(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return false
  const { amountMinor, currency } = value as Record<string, unknown>
  return isCount(amountMinor, 0, usageLimits.amountMinor) && currencies.has(currency as string)
}
