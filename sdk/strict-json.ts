import { parsePlainJson } from './plain-json.ts'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [name: string]: JsonValue
}

export type StrictJsonFault = 'syntax' | 'duplicate-key' | 'too-deep'

export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError'
  readonly fault: StrictJsonFault

  constructor(fault: StrictJsonFault) {
    super(`strict JSON: ${fault}`)
    this.fault = fault
  }
}

interface Cursor {
  readonly text: string
  readonly maxDepth: number
  at: number
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const HEX4 = /[0-9a-fA-F]{4}/y
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/**
 * Parses JSON (RFC 8259) as I-JSON (RFC 7493) wants it: no member name twice (compared after unescaping), no unpaired
 * surrogate, no number beyond a double. `JSON.parse` keeps the last of two equal names, so two parsers can read two
 * different tokens out of one signature; here such a text has no reading at all.
 *
 * Objects come without a prototype, so a member named `__proto__` is only a member.
 * @param maxDepth how many objects and arrays may be open at once
 * @throws StrictJsonError
 */
export function parseStrictJson(text: string, maxDepth: number): JsonValue {
  const quick = parsePlainJson(text, maxDepth)
  return quick === undefined ? readStrictly(text, maxDepth) : quick
}

/** The reading that decides, character by character: of what {@link parsePlainJson} cannot vouch for. */
export function readStrictly(text: string, maxDepth: number): JsonValue {
  const cursor: Cursor = { text, maxDepth, at: 0 }
  const value = readValue(cursor, 0)
  skipSpace(cursor)
  if (cursor.at !== text.length) throw new StrictJsonError('syntax')
  return value
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readValue(cursor: Cursor, depth: number): JsonValue {
  skipSpace(cursor)
  switch (cursor.text[cursor.at]) {
    case '{':
      return readObject(cursor, depth + 1)
    case '[':
      return readArray(cursor, depth + 1)
    case '"':
      return readString(cursor)
    case 't':
      return readWord(cursor, 'true', true)
    case 'f':
      return readWord(cursor, 'false', false)
    case 'n':
      return readWord(cursor, 'null', null)
    default:
      return readNumber(cursor)
  }
}

function readObject(cursor: Cursor, depth: number): JsonObject {
  if (depth > cursor.maxDepth) throw new StrictJsonError('too-deep')
  const members: Record<string, JsonValue> = Object.create(null)
  cursor.at += 1
  if (takeClosing(cursor, '}')) return members
  for (;;) {
    skipSpace(cursor)
    const name = readString(cursor)
    if (name in members) throw new StrictJsonError('duplicate-key')
    skipSpace(cursor)
    take(cursor, ':')
    members[name] = readValue(cursor, depth)
    if (takeClosing(cursor, '}')) return members
    take(cursor, ',')
  }
}

function readArray(cursor: Cursor, depth: number): readonly JsonValue[] {
  if (depth > cursor.maxDepth) throw new StrictJsonError('too-deep')
  const items: JsonValue[] = []
  cursor.at += 1
  if (takeClosing(cursor, ']')) return items
  for (;;) {
    items.push(readValue(cursor, depth))
    if (takeClosing(cursor, ']')) return items
    take(cursor, ',')
  }
}

function readString(cursor: Cursor): string {
  take(cursor, '"')
  const { text } = cursor
  let read = ''
  let start = cursor.at
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      cursor.at = at + 1
      const whole = read + text.slice(start, at)
      // Only escapes can bring an unpaired surrogate in: the text itself was decoded from valid UTF-8.
      if (read !== '' && !whole.isWellFormed()) throw new StrictJsonError('syntax')
      return whole
    }
    if (unit < 0x20) throw new StrictJsonError('syntax')
    if (unit === BACKSLASH) {
      cursor.at = at + 1
      read += text.slice(start, at) + readEscape(cursor)
      start = cursor.at
      at = start - 1
    }
  }
  throw new StrictJsonError('syntax')
}

function readEscape(cursor: Cursor): string {
  const letter = cursor.text[cursor.at] ?? ''
  cursor.at += 1
  if (letter === 'u') {
    HEX4.lastIndex = cursor.at
    const hex = HEX4.exec(cursor.text)?.[0]
    if (hex === undefined) throw new StrictJsonError('syntax')
    cursor.at += 4
    return String.fromCharCode(Number.parseInt(hex, 16))
  }
  const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
  if (meant === undefined) throw new StrictJsonError('syntax')
  return meant
}

function readNumber(cursor: Cursor): number {
  NUMBER.lastIndex = cursor.at
  const literal = NUMBER.exec(cursor.text)?.[0]
  if (literal === undefined) throw new StrictJsonError('syntax')
  const value = Number(literal)
  if (!Number.isFinite(value)) throw new StrictJsonError('syntax')
  cursor.at += literal.length
  return value
}

function readWord<T extends boolean | null>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw new StrictJsonError('syntax')
  cursor.at += word.length
  return value
}

function takeClosing(cursor: Cursor, bracket: '}' | ']'): boolean {
  skipSpace(cursor)
  if (cursor.text[cursor.at] !== bracket) return false
  cursor.at += 1
  return true
}

function take(cursor: Cursor, expected: string): void {
  if (cursor.text[cursor.at] !== expected) throw new StrictJsonError('syntax')
  cursor.at += 1
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const unit = cursor.text.charCodeAt(cursor.at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
    cursor.at += 1
  }
}
