import type { AnySchema, Operation, Parameter } from './document.ts'
import { type Components, flat } from './schema-rows.ts'

/** Values that `npm start` knows, by the name of their field: a generated example should say something. */
const demo: Record<string, string> = {
  programme: '88vip',
  brand: 'alibaba',
  payer: 'alibaba',
  payee: 'youku',
  partner: 'youku',
  plan: 'annual',
  benefit: 'youku-vip',
  account: 'lin',
  subject: 'lin',
  period: '2026-10',
  'get programmes/{id}': '88vip',
  'get partners/{id}': 'youku',
  'get contracts/{id}': 'youku-2026',
  'get brands/{id}': 'alibaba',
  // The caller's own, as the demo registers it: nobody else's may be, and the same again changes nothing.
  'put brands/{id}': 'alibaba',
  // Nobody's: trying an example must not overwrite what the demo lives on.
  'put programmes/{id}': 'club',
  'put partners/{id}': 'acme',
  'put contracts/{id}': 'acme-2026',
  'get usage-batches/{id}': 'bat_01K6T3WZ4Q8N5XJ2V7B9C0DEFG',
  'get statements/{id}': 'stm_01K6T3WZ4Q8N5XJ2V7B9C0DEFG',
  'post payments/{id}': 'pay_01K6T3WZ4Q8N5XJ2V7B9C0DEFG',
}

/** Fields that a rule demands which no schema can say: a contract's line has either this one or tiers. */
const demanded = new Set(['unitPrice'])

/** An example of a schema: what is required, or the first field where nothing is. */
export function exampleOf(
  given: AnySchema | undefined,
  components: Components,
  name = '',
  within: readonly string[] = [],
): unknown {
  const schema = flat(given)
  const known = schema.example ?? schema.examples?.[0] ?? schema.const ?? schema.default
  const [reference] = schema.references
  const suggested = demo[name]
  if (suggested !== undefined && isText(given, components)) return suggested
  if (known !== undefined) return known
  if (reference !== undefined)
    // A schema that contains itself stops at its second appearance.
    return within.includes(reference)
      ? null
      : exampleOf(components[reference], components, name, [...within, reference])
  if (schema.enum) return schema.enum[0]
  const variant = (schema.oneOf ?? schema.anyOf)?.[0]
  if (variant !== undefined) return exampleOf(variant, components, name, within)
  const inner = (value: AnySchema | undefined, field: string) => exampleOf(value, components, field, within)
  switch ([schema.type].flat()[0] ?? (schema.properties ? 'object' : 'any')) {
    case 'object': {
      const fields = Object.entries(schema.properties ?? {})
      const required = fields.filter(([field]) => schema.required?.includes(field) || demanded.has(field))
      const wanted = required.length > 0 ? required : fields.slice(0, 1)
      return Object.fromEntries(wanted.map(([field, value]) => [field, inner(value, field)]))
    }
    case 'array':
      return [inner(schema.items, name)]
    case 'integer':
    case 'number':
      return schema.minimum ?? (schema.exclusiveMinimum === undefined ? 1 : schema.exclusiveMinimum + 1)
    case 'boolean':
      return true
    case 'string':
      return textExample(schema.format, schema.pattern, name)
    default:
      return null
  }
}

const isText = (given: AnySchema | undefined, components: Components): boolean => {
  const { references, type } = flat(given)
  const [reference] = references
  return (reference === undefined ? type : flat(components[reference]).type) === 'string'
}

function textExample(format: string | undefined, pattern = '', name: string): string {
  const prefix = /^\^([a-z]+_)\[0-9A-HJKMNP-TV-Z\]\{26\}\$$/.exec(pattern)?.[1]
  if (prefix) return `${prefix}01K6T3WZ4Q8N5XJ2V7B9C0DEFG`
  if (format === 'uri') return 'https://partner.example'
  if (format === 'date') return '2026-10-03'
  if (format === 'date-time') return '2026-10-03T04:11:09Z'
  return name || 'text'
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** A command that a shell takes as it stands; `$BRAND` and `$PARTNER` hold the tokens that the page's top fetches. */
export function curlOf(operation: Operation, server: string, components: Components): string {
  const { method, path, parameters = [], requestBody, scopes } = operation
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const isForm = type === 'application/x-www-form-urlencoded'
  const required = (place: string) => parameters.filter(parameter => parameter.in === place && parameter.required)
  const valueFor = (one: Parameter) => parameterValue(one, operation, components)
  const example = exampleOf(media?.schema, components)
  // A document that is PUT bears the id of its address.
  const id = parameters.find(({ name }) => name === 'id')
  const own = id && hasId(example) ? { ...example, id: valueFor(id) } : example
  const query = required('query').map(parameter => `${parameter.name}=${valueFor(parameter)}`)
  const target = parameters
    .filter(parameter => parameter.in === 'path')
    .reduce((whole, one) => whole.replace(`{${one.name}}`, () => valueFor(one)), path)
  const url = quoted(`${server}${target}${query.length > 0 ? `?${query.join('&')}` : ''}`)
  const isPlain = method === 'get' || (method === 'post' && type !== undefined)
  return [
    `curl ${isPlain ? '' : `-X ${method.toUpperCase()} `}${url}`,
    ...(scopes.length > 0 ? [`-H "Authorization: Bearer $${operation.tag === 'partner' ? 'PARTNER' : 'BRAND'}"`] : []),
    ...required('header').map(one => `-H ${quoted(`${one.name}: ${valueFor(one)}`)}`),
    ...(isForm ? ['-u youku:youku-secret'] : []),
    ...(type === undefined ? [] : bodyOf(type, own)),
  ].join(' \\\n  ')
}

const hasId = (example: unknown): example is { id: unknown } =>
  typeof example === 'object' && example !== null && 'id' in example

function bodyOf(type: string, example: unknown): string[] {
  if (type === 'application/x-www-form-urlencoded')
    return Object.entries(example ?? {}).map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`)
  // One event a line: an indented one would be many.
  const text = type === 'application/x-ndjson' ? JSON.stringify(example) : JSON.stringify(example, null, 2)
  return [`-H ${quoted(`Content-Type: ${type}`)}`, `--data-binary ${quoted(text)}`]
}

function parameterValue({ name, schema }: Parameter, { method, path }: Operation, components: Components): string {
  const collection = /([a-z-]+\/)\{id\}/.exec(path)?.[1]
  const suggested = name === 'id' && collection ? demo[`${method} ${collection}{id}`] : undefined
  return encodeURIComponent(suggested ?? String(exampleOf(schema, components, name)))
}
