/** What a setting may be: whole numbers from `least` to `most`, and `standard` where nothing is said. */
export interface Bound {
  readonly least: number
  readonly most: number
  readonly standard: number
}

/**
 * Reads one setting. NaN and its like would be a bound that no comparison ever reaches.
 * @throws RangeError that names the setting
 */
export function boundedNumber(name: string, value: unknown, { least, most, standard }: Bound): number {
  if (value === undefined) return standard
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`)
  }
  return value
}

/**
 * Reads the settings of a table; others in `given` are for another reader.
 * @param under what stands before a name in the error, such as `limits.`
 * @throws RangeError that names the first wrong setting
 */
export function boundedNumbers<Name extends string>(
  bounds: Readonly<Record<Name, Bound>>,
  given: NoInfer<Readonly<Partial<Record<Name, unknown>>>> | undefined,
  under = '',
): Record<Name, number> {
  const names = Object.keys(bounds) as Name[]
  const read = names.map(name => [name, boundedNumber(`${under}${name}`, given?.[name], bounds[name])])
  return Object.fromEntries(read) as Record<Name, number>
}
