import type { PointedError } from '../../schemas/usage.ts'
import { pointer } from '../kernel/validate.ts'

/**
 * What JSON leaves to its reader, and two readers may read as two things: a member that is there twice, and a number that
 * is not written as digits alone (`1.0000000000000000001` is 1 to most). Money is counted by what is read, so neither is
 * taken.
 */
const otherNumber = /"(?:quantity|amountMinor)"[ \t\r]*:[ \t\r]*(?![ \t\r]|(?:0|[1-9]\d*)[ \t\r]*[,}])/

/**
 * Whether the text says its event in one way only, decided without reading it again: it has no escapes, and as many
 * quotation marks as `parts`, its members and texts, need. A member that is there twice would have more.
 */
export function isExact(text: string, parts: number): boolean {
  let marks = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) marks++
  return marks === 2 * parts && !text.includes('\\') && !otherNumber.test(text)
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g
const wholeNumber = /^(?:0|[1-9]\d*)$/
type Open = { names?: Set<string>; name: string }

/** Every such place of a text that is JSON, in one pass; of objects within lists too. */
export function inexactPlaces(text: string): PointedError[] {
  const errors: PointedError[] = []
  const open: Open[] = []
  let isName = false
  for (const [part] of text.matchAll(token)) {
    const inner = open.at(-1)
    if (part === '{' || part === '[') {
      open.push(part === '{' ? { names: new Set(), name: '' } : { name: '' })
      isName = part === '{'
    } else if (part === '}' || part === ']') open.pop()
    else if (part === ',') isName = inner?.names !== undefined
    else if (part === ':') isName = false
    else if (isName && inner?.names) {
      inner.name = JSON.parse(part) as string
      if (inner.names.has(inner.name)) errors.push({ pointer: pathOf(open), detail: 'duplicate member' })
      inner.names.add(inner.name)
    } else if (/^[-\d]/.test(part) && !wholeNumber.test(part))
      errors.push({ pointer: pathOf(open), detail: 'a whole number, written as digits alone' })
  }
  return errors
}

const pathOf = (open: readonly Open[]): string => pointer(open.map(({ name }) => name))
