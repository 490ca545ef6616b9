import { describe, expect, test } from 'vitest'
import { curlOf, exampleOf } from '../../functions/docs/curl.ts'
import { type AnySchema, type ApiDocument, anchorOf, groupsOf } from '../../functions/docs/document.ts'
import { blocksOf, notesOf, textOf, typeOf } from '../../functions/docs/schema-rows.ts'
import { referencePage } from '../../functions/docs/views/page.tsx'

const money = { $ref: '#/components/schemas/Money' }
const components: Record<string, AnySchema> = {
  Money: { type: 'object', required: ['amountMinor'], properties: { amountMinor: { type: 'integer', minimum: 0 } } },
  Tree: {
    type: 'object',
    required: ['children', 'parent'],
    properties: {
      parent: { $ref: '#/components/schemas/Tree' },
      children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } },
    },
  },
  'Odd/~name': { type: 'string', description: 'Odd', example: 'x' },
}
const fieldsOf = (schema: AnySchema) =>
  blocksOf(schema, components).map(({ when, rows }) => [
    when,
    rows.map(({ parent, name, required, type }) => `${parent}${name}${required ? '!' : ''}: ${textOf(type)}`),
  ])
const rulesOf = (schema: AnySchema) =>
  notesOf(schema, components).map(({ text, values = [] }) => [text, ...values].join(' '))

describe('the type of a value in words', () => {
  test.each<[AnySchema | undefined, string]>([
    [undefined, 'any value'],
    [true, 'any value'],
    [{}, 'any value'],
    [false, 'nothing'],
    [{ type: 'string' }, 'string'],
    [{ type: 'string', format: 'uri' }, 'string (uri)'],
    [{ type: ['string', 'null'] }, 'string or null'],
    [{ type: 'string', nullable: true }, 'string or null'],
    [{ ...money, nullable: true }, 'Money or null'],
    [{ anyOf: [money, { type: 'null' }] }, 'Money or null'],
    [{ oneOf: [{ type: 'string' }, { type: 'string', maxLength: 3 }, { type: 'boolean' }] }, 'string or boolean'],
    [{ allOf: [money, { example: {} }] }, 'Money'],
    [{ allOf: [money, { type: 'object', properties: { note: { type: 'string' } } }] }, 'Money and object'],
    [{ const: 3 }, 'number'],
    [{ enum: ['a', 'b', null] }, 'string or null'],
    [{ type: 'array', items: money }, 'array of Money'],
    [{ type: 'array' }, 'array'],
    [{ items: { items: { type: 'integer' } } }, 'array of array of integer'],
    [{ type: 'array', prefixItems: [{ type: 'string' }, money] }, 'tuple of string, Money'],
    [{ type: 'object', additionalProperties: money }, 'map of Money'],
    [{ type: 'object', additionalProperties: true }, 'object'],
    [{ properties: {} }, 'object'],
    [{ $ref: '#/components/schemas/Odd~1~0name' }, 'Odd/~name'],
  ])('%j is %s', (schema, text) => {
    expect(textOf(typeOf(schema))).toBe(text)
  })
})

describe('the rules of a value', () => {
  test.each<[AnySchema, string[]]>([
    [{ type: 'string', minLength: 1, maxLength: 2000 }, ['1 to 2,000 characters']],
    [{ type: 'array', minItems: 2, maxItems: 2, uniqueItems: true }, ['Exactly 2 items', 'All different']],
    [{ type: 'integer', minimum: 0 }, ['At least 0']],
    [
      { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1, multipleOf: 0.5 },
      ['More than 0', 'Less than 1', 'A multiple of 0.5'],
    ],
    [{ enum: ['a', 1, null] }, ['One of a 1 null']],
    [{ enum: ['a'] }, ['Always a']],
    [{ const: false }, ['Always false']],
    [{ type: 'boolean', default: false, deprecated: true, description: 'D' }, ['Deprecated', 'D', 'Default false']],
    [{ pattern: '^a$', examples: ['a', 'b'] }, ['Matches ^a$', 'Example a']],
    [{ type: 'array', items: { type: 'string', maxLength: 5 } }, ['Each: at most 5 characters']],
    [{ type: 'object', additionalProperties: { enum: ['x', 'y'] } }, ['Each value: one of x y']],
    [{ anyOf: [{ type: 'string', maxLength: 5 }, { type: 'number' }] }, ['As string: at most 5 characters']],
    [{ $ref: '#/components/schemas/Odd~1~0name' }, ['Odd']],
    [{ allOf: [{ type: 'string', maxLength: 9 }, { description: 'Inner' }] }, ['Inner', 'At most 9 characters']],
    [money, []],
  ])('%j', (schema, rules) => {
    expect(rulesOf(schema)).toEqual(rules)
  })
})

describe('the fields of a schema', () => {
  test('are listed with those of inline objects, arrays and maps; components are linked only', () => {
    const schema: AnySchema = {
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: 'object', required: ['b'], properties: { b: money } },
        list: { type: 'array', items: { type: 'object', properties: { c: { type: 'string' } } } },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { d: true } } },
        either: { anyOf: [{ type: 'object', properties: { kind: { const: 'k' }, e: {} } }, { type: 'null' }] },
      },
      additionalProperties: { type: 'string' },
    }
    expect(fieldsOf(schema)).toEqual([
      [
        undefined,
        [
          'a!: object',
          'a.b!: Money',
          'list: array of object',
          'list[].c: string',
          'map: map of object',
          'map.*.d: any value',
          'either: object or null',
          'either(kind = k).kind: string',
          'either(kind = k).e: any value',
          '*: string',
        ],
      ],
    ])
  })

  test('are a table for each variant, with what all variants have', () => {
    const variant = (kind: string): AnySchema => ({ properties: { kind: { enum: [kind] } } })
    const schema = {
      properties: { id: { type: 'string' } },
      oneOf: [variant('x'), { title: 'Other', properties: { y: true } }],
    }
    expect(fieldsOf(schema)).toEqual([
      ['kind = x', ['id: string', '(kind = x).kind: string'].map(row => row.replace('(kind = x).', ''))],
      ['Other', ['id: string', 'y: any value']],
    ])
  })

  test('of allOf are those of all parts', () => {
    const schema = {
      allOf: [{ required: ['a'], properties: { a: { type: 'string' } } }, { properties: { b: { type: 'string' } } }],
      properties: { c: { type: 'string' } },
    }
    expect(
      fieldsOf(schema)
        .flatMap(([, rows]) => rows)
        .flat()
        .sort(),
    ).toEqual(['a!: string', 'b: string', 'c: string'])
  })

  test('are none for a plain value', () => {
    expect(fieldsOf({ type: 'string' })).toEqual([])
    expect(fieldsOf(false)).toEqual([])
  })
})

describe('examples', () => {
  test('stop where a schema contains itself', () => {
    expect(exampleOf({ $ref: '#/components/schemas/Tree' }, components)).toEqual({ parent: null, children: [null] })
    expect(fieldsOf(components['Tree'] ?? {})).toEqual([[undefined, ['parent!: Tree', 'children!: array of Tree']]])
  })

  test('are safe in a shell', () => {
    const operation = operationsOf({ example: { name: "it's $HOME" } }).find(({ method }) => method === 'put')
    expect(operation && curlOf(operation, 'https://x.example', components)).toBe(
      [
        "curl -X PUT 'https://x.example/things/a%20b'",
        "-H 'Content-Type: application/json'",
        `--data-binary '{\n  "name": "it'\\''s $HOME"\n}'`,
      ].join(' \\\n  '),
    )
  })
})

const operationsOf = (schema: AnySchema) => groupsOf(documentOf(schema)).flatMap(({ operations }) => operations)
const documentOf = (schema: AnySchema): ApiDocument => ({
  info: { title: 'T', version: '1.0.0', description: '<b>&"' },
  paths: {
    '/things/{id}': {
      put: {
        tags: ['Zebra'],
        summary: '<script>alert(1)</script>',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', example: 'a b' } }],
        requestBody: { content: { 'application/json': { schema } } },
        responses: { 204: { description: 'Done' } },
      },
    },
    '/test/clock': { get: { tags: ['sandbox'] } },
  },
  components: { schemas: components },
})

test('a document with strange contents is a page all the same, and escaped', () => {
  const html = referencePage(documentOf({ oneOf: [money, { properties: { '"><i>': true } }] }))
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(html).not.toMatch(/<script|<i>|<b>/)
  expect([...html.matchAll(/<h2 id="group-[^"]*">(.*?)<\/h2>/g)].map(([, title]) => title)).toEqual([
    'Sandbox',
    'zebra',
  ])
})

test('a document of nothing is a page', () => {
  expect(referencePage({ info: { title: 'T', version: '1' } })).toContain('<h2 id="schemas">')
})

test('an anchor is method and path', () => {
  expect(anchorOf('get', '/.well-known/jwks.json')).toBe('get-well-known-jwks-json')
  expect(anchorOf('POST', '/v1/memberships/{id}/renew')).toBe('post-v1-memberships-id-renew')
})
