import { type AnyItem, isSameItem } from '../kernel/table.ts'
import { Mismatch } from './store.ts'

/** What was read, or the name of what could not be: tampering may leave an item that is no longer of its shape. */
export async function readable<T>(name: string, read: () => Promise<T>): Promise<{ value: T } | { broken: string }> {
  try {
    return { value: await read() }
  } catch (error) {
    // A database that does not answer says nothing about what it holds.
    if (!(error instanceof Error) || '$metadata' in error) throw error
    return { broken: error instanceof Mismatch ? error.message : `${name} (${reasonOf(error)})` }
  }
}

/** A schema tells all that is wrong in many lines, with values of the item. */
const reasonOf = ({ name, message }: Error): string =>
  /ZodError$/.test(name) ? 'not of its shape' : (message.split('\n')[0]?.slice(0, 200) ?? '')

/**
 * Compares items that lie in a place with those that should, attribute by attribute.
 * @returns the name of each that differs, is missing or should not be there
 */
export function itemDifferences(
  found: readonly AnyItem[],
  expected: readonly AnyItem[],
  nameOf: (item: AnyItem) => string,
): string[] {
  const there = new Map(found.map(item => [keyOf(item), item]))
  const wanted = new Map(expected.map(item => [keyOf(item), item]))
  const different = expected.filter(item => {
    const stored = there.get(keyOf(item))
    return !stored || !isSameItem(stored, item)
  })
  return [...new Set([...different, ...found.filter(item => !wanted.has(keyOf(item)))].map(nameOf))]
}

const keyOf = ({ pk, sk }: AnyItem): string => `${pk} ${sk}`
export const placeOf = ({ pk, sk }: AnyItem): string => `item ${pk} ${sk}`
