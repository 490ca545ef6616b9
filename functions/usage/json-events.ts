import { Refusal } from '../kernel/refusal.ts'
import { pointer } from '../kernel/validate.ts'
import { isSpace, jsonElements } from './json-element.ts'
import type { LineSink, Splitter } from './text-lines.ts'

const [quote, backslash, colon, comma, space] = [0x22, 0x5c, 0x3a, 0x2c, 0x20]
const [bracket, bracketEnd, brace, braceEnd] = [0x5b, 0x5d, 0x7b, 0x7d]
/** How JSON begins that is no object. */
const beginsOther = new Set(Buffer.from('["-0123456789tfn'))
const mark = [0xef, 0xbb, 0xbf]
const nameBytes = 200
const unknown = { utf8: false }
const shape = 'the body is {"events": [ … ]}'

/** Where in `{"events": [ … ]}` the next byte stands. `element` is within one of the events, `first` before any. */
type Place = 'body' | 'member' | 'name' | 'colon' | 'value' | 'first' | 'next' | 'element' | 'after' | 'done'
type Step = (byte: number, at: number) => Place

/**
 * The elements of `events`, each as one line and otherwise as received: serialising them anew would change numbers.
 * Reads byte by byte and keeps one element, so that neither depth nor length of the body matter. Whether an element is
 * JSON is left to whoever takes it.
 * @throws Refusal invalid-json; invalid-request for JSON that is no `{"events": []}`, or has it twice
 */
export function jsonEvents(sink: LineSink): Splitter {
  const elements = jsonElements()
  const steps = stepsOf(memberNames())
  let place: Place = 'body'
  let offset = 0

  function element(piece: Buffer, from: number): number {
    const end = elements.read(piece, from)
    if (end < 0) throw notJson(offset - 1 - end)
    if (end === piece.length) return end
    sink(elements.kept, 0, elements.size(), unknown)
    place = piece[end] === comma ? 'next' : 'after'
    return end
  }

  function take(piece: Buffer): void {
    for (let at = 0; at < piece.length; at++) {
      if (place === 'element') at = element(piece, at)
      else {
        const byte = piece[at] as number
        if (place !== 'name' && isSpace(byte)) continue
        place = steps[place](byte, offset + at)
        if (place !== 'element') continue
        // The first byte of an element is its own.
        elements.begin()
        at--
      }
    }
    offset += piece.length
  }

  return {
    take,
    end() {
      if (place !== 'done') throw notJson(offset, 'it ends too early')
    },
  }
}

type Names = ReturnType<typeof memberNames>

function stepsOf(names: Names): Record<Exclude<Place, 'element'>, Step> {
  return {
    body(byte, at) {
      if (at < mark.length && byte === mark[at]) return 'body'
      if (byte === brace) return 'member'
      throw beginsOther.has(byte) ? refused('events', shape) : notJson(at)
    },
    member(byte, at) {
      if (byte === braceEnd && !names.seen()) throw refused('events', shape)
      if (byte !== quote) throw notJson(at)
      return 'name'
    },
    name: (byte, at) => (names.isComplete(byte, at) ? 'colon' : 'name'),
    colon(byte, at) {
      if (byte !== colon) throw notJson(at)
      return 'value'
    },
    value(byte) {
      if (byte !== bracket) throw refused('events', shape)
      return 'first'
    },
    first: byte => (byte === bracketEnd ? 'after' : 'element'),
    next: () => 'element',
    after(byte, at) {
      if (byte !== comma && byte !== braceEnd) throw notJson(at)
      return byte === comma ? 'member' : 'done'
    },
    done(_byte, at) {
      throw notJson(at, 'there is something after its end')
    },
  }
}

/** The names of the body's members, of which there is to be one. */
function memberNames() {
  let bytes: number[] = []
  let isEscaped = false
  let seen = false

  function complete(at: number): true {
    const name = nameOf(bytes, at)
    if (name !== 'events') throw refused(name, `unknown field: ${shape}`)
    if (seen) throw refused('events', 'duplicate member: which of the two is meant?')
    seen = true
    bytes = []
    return true
  }

  return {
    seen: () => seen,
    isComplete(byte: number, at: number): boolean {
      if (byte < space) throw notJson(at)
      if (byte === quote && !isEscaped) return complete(at)
      isEscaped = byte === backslash && !isEscaped
      bytes.push(byte)
      if (bytes.length > nameBytes) throw refused(Buffer.from(bytes).toString(), 'unknown field')
      return false
    },
  }
}

function nameOf(bytes: number[], at: number): string {
  try {
    return JSON.parse(`"${Buffer.from(bytes).toString()}"`) as string
  } catch {
    throw notJson(at)
  }
}

const notJson = (at: number, why = 'this does not belong here'): Refusal =>
  new Refusal('invalid-json', `the body is not JSON at byte ${at}: ${why}`)

const refused = (name: string, detail: string): Refusal =>
  new Refusal('invalid-request', undefined, { errors: [{ pointer: pointer([name]), detail }] })
