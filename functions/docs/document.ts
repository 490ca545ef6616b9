/** The parts of an OpenAPI 3.1 document that the reference shows. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  title?: string
  description?: string
  format?: string
  pattern?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  example?: unknown
  examples?: unknown[]
  /** As OpenAPI 3.0 had it. */
  nullable?: boolean
  deprecated?: boolean
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  minProperties?: number
  maxProperties?: number
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  multipleOf?: number
  properties?: Record<string, AnySchema>
  required?: string[]
  additionalProperties?: AnySchema
  propertyNames?: AnySchema
  items?: AnySchema
  prefixItems?: AnySchema[]
  oneOf?: AnySchema[]
  anyOf?: AnySchema[]
  allOf?: AnySchema[]
  not?: AnySchema
}
/** `true` allows anything, `false` nothing (JSON Schema 2020-12 section 4.3.2). */
export type AnySchema = Schema | boolean

type Content = Record<string, { schema?: AnySchema }>
export type Parameter = { name: string; in: string; required?: boolean; description?: string; schema?: AnySchema }
export type Answer = { description?: string; content?: Content }
type OperationObject = {
  summary?: string
  description?: string
  tags?: string[]
  security?: Record<string, string[]>[]
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Content }
  responses?: Record<string, Answer>
}
export type ApiDocument = {
  info: { title: string; version: string; description?: string }
  servers?: { url: string }[]
  paths?: Record<string, Record<string, OperationObject>>
  components?: { schemas?: Record<string, AnySchema> }
}

export type Operation = OperationObject & {
  /** The anchor of the page. */
  id: string
  method: string
  path: string
  tag: string
  /** Any one of these suffices. */
  scopes: string[]
}
export type Group = { id: string; title: string; operations: Operation[] }

/** In the order of the page; other tags follow by name. */
const titles: Record<string, string> = {
  trust: 'Discovery and trust',
  operator: 'Operator',
  partner: 'Partner',
  finance: 'Finance',
  sandbox: 'Sandbox',
}
const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'trace']

/** Method and path as an anchor: `get-v1-links`. */
export const anchorOf = (method: string, path: string): string =>
  `${method}-${path}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')

export const schemaAnchor = (name: string): string => `schema-${name}`

/** The name of a component that a local reference points to (RFC 6901 section 4). */
export const nameOf = (reference: string): string =>
  (reference.split('/').at(-1) ?? '').replaceAll('~1', '/').replaceAll('~0', '~')

/** Operations by tag, each group in the order of the document. */
export function groupsOf({ paths = {} }: ApiDocument): Group[] {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap(method => {
      const operation = item[method]
      return operation ? [operationOf(method, path, operation)] : []
    }),
  )
  const tags = [...new Set(operations.map(({ tag }) => tag))].sort()
  const known = Object.keys(titles)
  return [...known.filter(tag => tags.includes(tag)), ...tags.filter(tag => !known.includes(tag))].map(tag => ({
    id: `group-${anchorOf(tag, '')}`,
    title: titles[tag] ?? tag,
    operations: operations.filter(operation => operation.tag === tag),
  }))
}

const operationOf = (method: string, path: string, operation: OperationObject): Operation => ({
  ...operation,
  id: anchorOf(method, path),
  method,
  path,
  tag: (operation.tags?.[0] ?? 'other').toLowerCase(),
  scopes: [...new Set((operation.security ?? []).flatMap(requirement => Object.values(requirement).flat()))],
})
