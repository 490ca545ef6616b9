import type { JsonValue } from './strict-json.ts'

/**
 * Canonical JSON (RFC 8785): members sorted by the UTF-16 code units of their names, texts and numbers as ECMAScript
 * writes them, no white space.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`
}
