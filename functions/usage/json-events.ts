/**
 * The texts of the elements of `events` in a body `{"events": […]}` that is known to be JSON, each on one line and
 * otherwise as received. Re-serialising instead would change numbers and overflow the stack on deep nesting.
 */
export function eventTexts(body: string): string[] {
  const values = new Map<string, [number, number]>()
  const members = elementsOf(body, body.indexOf('{'))
  for (const [start, end] of members) {
    const colon = endOfString(body, start)
    const at = body.indexOf(':', colon) + 1
    values.set(JSON.parse(body.slice(start, colon)) as string, [at, end])
  }
  const events = values.get('events')
  if (!events) return []
  return elementsOf(body, body.indexOf('[', events[0])).map(([start, end]) =>
    body.slice(start, end).replace(/[\r\n]/g, ' '),
  )
}

const blanks = new Set([' ', '\t', '\r', '\n'])

/** Start and end of each element (or member) of the array or object that opens at `open`, blanks around it left out. */
function elementsOf(text: string, open: number): [number, number][] {
  const elements: [number, number][] = []
  let start = -1
  let end = -1
  let depth = 0
  for (let at = open + 1; at < text.length; at++) {
    const character = text[at] ?? ''
    if (depth === 0 && (character === ',' || character === ']' || character === '}')) {
      if (start >= 0) elements.push([start, end])
      start = -1
      if (character !== ',') return elements
      continue
    }
    if (blanks.has(character)) continue
    if (start < 0) start = at
    if (character === '"') at = endOfString(text, at) - 1
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
    end = at + 1
  }
  return elements
}

/** The index after the closing quote of the string that opens at `open`. */
function endOfString(text: string, open: number): number {
  let at = open + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
