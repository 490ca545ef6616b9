import type { JsonValue } from './strict-json.ts'

interface Count {
  strings: number
}

const QUOTE = 0x22

/**
 * Reads JSON by `JSON.parse`, which is several times as fast, where it can be shown to give what the strict reading
 * gives; undefined where it cannot.
 *
 * In a text without a backslash every string, be it a member's name or a value, is written with exactly two quotation
 * marks. `JSON.parse` drops a name, and perhaps more, for each name that an object repeats, so the strings that came out
 * are half the marks that went in if and only if no name was repeated. Nor can such a text bring in an unpaired
 * surrogate.
 */
export function parsePlainJson(text: string, maxDepth: number): JsonValue | undefined {
  if (text.includes('\\')) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const count: Count = { strings: 0 }
  return isPlain(value, maxDepth, count) && count.strings * 2 === quotationMarks(text) ? value : undefined
}

function quotationMarks(text: string): number {
  let marks = 0
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) === QUOTE) marks += 1
  return marks
}

/** Counts strings, takes prototypes away, and finds what strict reading refuses: a number beyond a double, depth. */
function isPlain(value: unknown, depth: number, count: Count): value is JsonValue {
  if (typeof value === 'string') {
    count.strings += 1
    return true
  }
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every(item => isPlain(item, depth - 1, count))
  const members = value as Record<string, unknown>
  // Own names only: what somebody has put on Object.prototype would be counted as if it stood in the text.
  for (const name of Object.keys(members)) {
    count.strings += 1
    if (!isPlain(members[name], depth - 1, count)) return false
  }
  Object.setPrototypeOf(members, null)
  return true
}
