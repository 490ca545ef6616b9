import { type AnySchema, nameOf, type Schema } from './document.ts'

/** Text, or a component to link to. */
export type TypePart = string | { component: string }
/** A rule of a field: words, and the values it names. */
export type Note = { text: string; values?: string[] }
export type Row = { parent: string; name: string; required: boolean; type: TypePart[]; notes: Note[] }
/** One table; a schema of several variants has one for each. */
export type Block = { when?: string; rows: Row[] }
export type Components = Record<string, AnySchema>

type Flat = Omit<Schema, '$ref' | 'allOf'> & { references: string[] }

/** `allOf` as one schema. References are kept, never followed: what refers to itself ends here. */
export function flat(given: AnySchema | undefined): Flat {
  if (given === undefined || given === true) return { references: [] }
  if (given === false) return { not: {}, references: [] }
  const { $ref, allOf = [], ...own } = given
  const start: Flat = { ...own, references: $ref === undefined ? [] : [nameOf($ref)] }
  return allOf.map(flat).reduce(merged, start)
}

/** Both hold; where they say the same thing differently, the outer one is the more particular. */
const merged = (outer: Flat, part: Flat): Flat => ({
  ...part,
  ...outer,
  references: [...outer.references, ...part.references],
  ...((outer.properties || part.properties) && { properties: { ...part.properties, ...outer.properties } }),
  ...((outer.required || part.required) && { required: [...(outer.required ?? []), ...(part.required ?? [])] }),
})

const joined = (lists: TypePart[][], separator: string): TypePart[] => {
  const unique = lists.filter((list, place) => lists.findIndex(other => same(other, list)) === place)
  return unique.flatMap((list, place) => (place === 0 ? list : [separator, ...list]))
}
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
const hasShape = ({ type, properties, oneOf, anyOf }: Flat): boolean => Boolean(type ?? properties ?? oneOf ?? anyOf)

/** What a value is, in words: `array of Money`, `string or null`. */
export function typeOf(given: AnySchema | undefined): TypePart[] {
  const schema = flat(given)
  const references = schema.references.map(component => [{ component }])
  const own = schema.references.length === 0 || hasShape(schema) ? [ownType(schema)] : []
  return joined([joined([...references, ...own], ' and '), ...(schema.nullable ? [['null']] : [])], ' or ')
}

function ownType(schema: Flat): TypePart[] {
  const { oneOf, anyOf, type, properties, not } = schema
  const variants = oneOf ?? anyOf
  if (variants) return joined(variants.map(typeOf), ' or ')
  if (type !== undefined)
    return joined(
      [type].flat().map(name => named(name, schema)),
      ' or ',
    )
  const values = schema.const === undefined ? schema.enum : [schema.const]
  if (values)
    return joined(
      values.map(value => [value === null ? 'null' : typeof value]),
      ' or ',
    )
  if (properties ?? schema.additionalProperties) return named('object', schema)
  if (schema.items ?? schema.prefixItems) return named('array', schema)
  return [same(not, {}) ? 'nothing' : 'any value']
}

function named(name: string, { items, prefixItems, properties, additionalProperties, format }: Flat): TypePart[] {
  if (name === 'array' && prefixItems) return ['tuple of ', ...joined(prefixItems.map(typeOf), ', ')]
  if (name === 'array' && items !== undefined) return ['array of ', ...typeOf(items)]
  if (name === 'object' && !properties && typeof additionalProperties === 'object')
    return ['map of ', ...typeOf(additionalProperties)]
  return [name === 'string' && format ? `${name} (${format})` : name]
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** Description, allowed values, limits, default and example of a value. */
export function notesOf(given: AnySchema | undefined, components: Components): Note[] {
  const schema = flat(given)
  const notes: Note[] = []
  const note = (text: string, ...values: unknown[]) =>
    notes.push(values.length > 0 ? { text, values: values.map(shown) } : { text })
  const target = simpleTarget(schema, components)
  const description = schema.description ?? target?.description
  const example = schema.example ?? schema.examples?.[0]
  if (schema.deprecated) note('Deprecated')
  if (description) note(description)
  if (schema.const !== undefined) note('Always', schema.const)
  if (schema.enum?.length === 1) note('Always', ...schema.enum)
  else if (schema.enum) note('One of', ...schema.enum)
  for (const limit of limitsOf(schema)) note(limit)
  if (schema.pattern !== undefined) note('Matches', schema.pattern)
  if (schema.default !== undefined) note('Default', schema.default)
  if (example !== undefined) note('Example', example)
  return [...notes, ...innerNotes(schema, components)]
}

/** A component that is one plain value: its words save the reader a jump. */
function simpleTarget({ references }: Flat, components: Components): Flat | undefined {
  const [reference] = references
  const target = reference === undefined ? undefined : flat(components[reference])
  return target?.properties || target?.oneOf || target?.anyOf ? undefined : target
}

function innerNotes({ items, additionalProperties, oneOf, anyOf }: Flat, components: Components): Note[] {
  const prefixed = (prefix: string, inner: AnySchema) =>
    notesOf(inner, components).map(({ text, ...note }) => ({ ...note, text: `${prefix}: ${lowered(text)}` }))
  const variants = (oneOf ?? anyOf ?? []).filter(variant => !flat(variant).properties)
  return [
    ...(typeof items === 'object' && !flat(items).properties ? prefixed('Each', items) : []),
    ...(typeof additionalProperties === 'object' && !flat(additionalProperties).properties
      ? prefixed('Each value', additionalProperties)
      : []),
    ...variants.flatMap(variant => prefixed(`As ${textOf(typeOf(variant))}`, variant)),
  ]
}

const lowered = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text
export const textOf = (type: TypePart[]): string =>
  type.map(part => (typeof part === 'string' ? part : part.component)).join('')

function limitsOf(schema: Flat): string[] {
  const { minLength, maxLength, minItems, maxItems, minProperties, maxProperties, multipleOf, uniqueItems } = schema
  return [
    range(minLength, maxLength, ' characters'),
    range(minItems, maxItems, ' items'),
    range(minProperties, maxProperties, ' fields'),
    range(schema.minimum, schema.maximum, ''),
    schema.exclusiveMinimum === undefined ? '' : `More than ${figure(schema.exclusiveMinimum)}`,
    schema.exclusiveMaximum === undefined ? '' : `Less than ${figure(schema.exclusiveMaximum)}`,
    multipleOf === undefined ? '' : `A multiple of ${figure(multipleOf)}`,
    uniqueItems ? 'All different' : '',
  ].filter(Boolean)
}

const figure = (value: number): string => value.toLocaleString('en')
function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return ''
  if (most === undefined) return `At least ${figure(least ?? 0)}${unit}`
  if (least === undefined) return `At most ${figure(most)}${unit}`
  return least === most ? `Exactly ${figure(most)}${unit}` : `${figure(least)} to ${figure(most)}${unit}`
}

/** The fields of a schema, those of inline objects after their parent; components are linked, not repeated. */
export function blocksOf(given: AnySchema | undefined, components: Components): Block[] {
  const { oneOf, anyOf, ...base } = flat(given)
  const rows = fieldsOf(base, '', components)
  const variants = (oneOf ?? anyOf ?? []).map((variant, place) => ({
    when: labelOf(variant, place),
    rows: [...rows, ...within(variant, '', components)],
  }))
  const told = variants.filter(variant => variant.rows.length > rows.length)
  if (told.length > 0) return told
  const inner = rows.length > 0 ? rows : within(base, '', components)
  return inner.length > 0 ? [{ rows: inner }] : []
}

function fieldsOf(schema: Flat | Schema, path: string, components: Components): Row[] {
  const { properties = {}, required = [], additionalProperties: others } = schema
  const parent = path === '' ? '' : `${path}.`
  const row = (name: string, inner: AnySchema, isRequired: boolean): Row[] => [
    { parent, name, required: isRequired, type: typeOf(inner), notes: notesOf(inner, components) },
    ...within(inner, `${parent}${name}`, components),
  ]
  const rows = Object.entries(properties).flatMap(([name, inner]) => row(name, inner, required.includes(name)))
  // A closed object says so by `false`; whatever else it allows stands as a row of its own.
  const open = rows.length > 0 && (others === true || typeof others === 'object')
  return open ? [...rows, ...row('*', others, false)] : rows
}

function within(given: AnySchema, path: string, components: Components): Row[] {
  const schema = flat(given)
  const { items, prefixItems = [], properties, additionalProperties, oneOf, anyOf } = schema
  const variants = (oneOf ?? anyOf ?? []).map((variant, place) => [variant, labelOf(variant, place)] as const)
  return [
    ...fieldsOf(schema, path, components),
    ...(items === undefined ? [] : within(items, `${path}[]`, components)),
    ...prefixItems.flatMap((item, place) => within(item, `${path}[${place}]`, components)),
    ...(properties || typeof additionalProperties !== 'object'
      ? []
      : within(additionalProperties, path === '' ? '*' : `${path}.*`, components)),
    ...variants.flatMap(([variant, label]) => within(variant, `${path}(${label})`, components)),
  ]
}

/** What tells a variant from the others: a field with one allowed value, else its title or place. */
function labelOf(variant: AnySchema, place: number): string {
  const { properties = {}, title } = flat(variant)
  for (const [name, inner] of Object.entries(properties)) {
    const { const: constant, enum: values = [] } = flat(inner)
    const value = constant ?? (values.length === 1 ? values[0] : undefined)
    if (value !== undefined) return `${name} = ${shown(value)}`
  }
  return title ?? `variant ${place + 1}`
}
