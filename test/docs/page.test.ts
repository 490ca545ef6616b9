import { beforeAll, describe, expect, test } from 'vitest'
import { curlOf } from '../../functions/docs/curl.ts'
import { type ApiDocument, groupsOf, type Operation } from '../../functions/docs/document.ts'
import type { Components } from '../../functions/docs/schema-rows.ts'
import { pageFaults } from '../portal/page-faults.ts'
import { type GatewayWorld, gatewayWorld, issuer } from '../support/gateway.ts'

let world: GatewayWorld
let answer: Response
let html: string
let document: ApiDocument
let components: Components
let operations: Operation[]

beforeAll(async () => {
  world = await gatewayWorld()
  answer = await world.call(undefined, 'GET', '/docs')
  html = await answer.clone().text()
  document = (await (await world.call(undefined, 'GET', '/openapi.json')).json()) as ApiDocument
  components = document.components?.schemas ?? {}
  operations = groupsOf(document).flatMap(group => group.operations)
})

const all = (pattern: RegExp, text = html) => [...text.matchAll(pattern)].map(([, found = '']) => found)
const textOf = (part: string) =>
  part
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
/** From the heading of an operation to the end of its section. */
const partOf = (id: string) => html.slice(html.indexOf(`<h3 id="${id}">`)).split('</section>')[0] ?? ''

describe('GET /docs', () => {
  test('has every operation of the document once, each under its anchor', () => {
    const documented = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      Object.keys(item).map(method => `${method.toUpperCase()} ${path}`),
    )
    const headings = all(/<h3 id="(?:get|put|post|delete|patch)-[^"]*">(.*?)<\/h3>/g).map(textOf)
    expect(headings.map(heading => heading.replace(/\s+/, ' ')).sort()).toEqual(documented.sort())
    expect(documented.length).toBeGreaterThan(20)
    expect(new Set(operations.map(({ id }) => id)).size).toBe(documented.length)
    for (const { id, summary } of operations) expect(textOf(partOf(id))).toContain(summary)
  })

  test('keeps the order of the groups, whatever the capitals of a tag', () => {
    const titles = all(/<h2 id="group-[^"]*">(.*?)<\/h2>/g)
    expect(titles).toEqual(['Discovery and trust', 'Operator', 'Partner', 'Finance'])
  })

  test('shows the scopes of the document, and which operations need none', () => {
    for (const { id, security = [] } of operations) {
      const wanted = security.flatMap(requirement => requirement['oauth'] ?? [])
      expect([id, all(/<code class="scope">(.*?)<\/code>/g, partOf(id))]).toEqual([id, wanted])
      expect([id, partOf(id).includes('No access token needed')]).toEqual([id, wanted.length === 0])
    }
  })

  test('shows every parameter, and every field and every answer of a body', () => {
    for (const { id, parameters = [], requestBody, responses = {} } of operations) {
      const names = all(/<th scope="row">(.*?)<\/th>/g, partOf(id)).map(textOf)
      for (const { name, required } of parameters) expect(names).toContain(required ? `${name}required` : name)
      for (const { schema } of Object.values(requestBody?.content ?? {})) {
        const reference = typeof schema === 'object' ? (schema.$ref?.split('/').at(-1) ?? '') : ''
        const body = reference === '' ? schema : components[reference]
        const required = typeof body === 'object' ? (body.required ?? []) : []
        for (const name of required) expect([id, names]).toEqual([id, expect.arrayContaining([`${name}required`])])
      }
      const statuses = all(/<span class="status (?:good|bad)">(.*?)<\/span>/g, partOf(id))
      expect([id, statuses.filter(status => status !== '4xx 5xx')]).toEqual([
        id,
        Object.keys(responses).filter(status => status !== 'default'),
      ])
    }
  })

  test('has every schema under its anchor', () => {
    expect(all(/<h3 id="schema-([^"]*)">/g)).toEqual(Object.keys(components).sort())
  })

  test('has no link within the page that leads nowhere', () => {
    const ids = new Set(all(/\sid="([^"]*)"/g))
    const targets = all(/href="#([^"]*)"/g)
    expect(targets.length).toBeGreaterThan(100)
    expect([...new Set(targets)].filter(target => !ids.has(target))).toEqual([])
  })

  test('has headings in order, one id once, no script and no style within the page', () => {
    expect(pageFaults({ body: html } as Parameters<typeof pageFaults>[0])).toEqual([])
    expect(html).not.toMatch(/<script|<style|\sstyle=|\son[a-z]+="|javascript:/i)
    expect(all(/<(?:link|img|source|iframe|form)\b[^>]*(?:href|src|action)="([^"]*)"/g)).toEqual([
      expect.stringMatching(/^\/docs\.css\?v=[0-9a-f]{12}$/),
    ])
  })

  test('has tables whose cells have headers', () => {
    expect(all(/<th((?: [^>]*)?)>/g).filter(attributes => !/scope="(col|row)"/.test(attributes))).toEqual([])
    expect(all(/(<table>)/g).length).toBe(all(/(<caption>)/g).length)
  })

  test('forbids everything but its own stylesheet', () => {
    expect(answer.headers.get('content-type')).toMatch(/^text\/html; charset=utf-8$/i)
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "style-src 'self'",
    ])
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('is below 400 KB, and is made once', async () => {
    expect(new TextEncoder().encode(html).length).toBeLessThan(400_000)
    const started = performance.now()
    for (let time = 0; time < 20; time += 1)
      expect(await (await world.call(undefined, 'GET', '/docs')).text()).toBe(html)
    expect((performance.now() - started) / 20).toBeLessThan(25)
  })

  test('has examples of bodies that the gateway takes for valid', async () => {
    let tried = 0
    for (const operation of operations) {
      const [type] = Object.keys(operation.requestBody?.content ?? {})
      if (type === undefined || operation.scopes.length === 0) continue
      const curl = curlOf(operation, issuer, components)
      expect(textOf(partOf(operation.id))).toContain(curl)
      const path = /'https:\/\/[^/]*(\/[^']*)'/.exec(curl)?.[1] ?? ''
      const client = operation.tag === 'partner' ? 'youku' : 'alibaba'
      const body = /--data-binary '(.*)'$/s.exec(curl)?.[1] ?? ''
      const sent = await world.call(client, operation.method.toUpperCase(), path, body, { 'content-type': type })
      const { code, errors, malformed = [] } = (await sent.json()) as Record<string, unknown>
      // What the example names need not exist here; the body itself has no fault.
      const refused = [400, 401, 403, 415].includes(sent.status) ? [code, errors] : []
      expect([operation.id, refused, malformed]).toEqual([operation.id, [], []])
      tried += 1
    }
    expect(tried).toBeGreaterThan(8)
  })

  test('its stylesheet is kept for good and fetches nothing', async () => {
    const [address = ''] = all(/<link rel="stylesheet" href="([^"]*)"/g)
    const style = await world.call(undefined, 'GET', address)
    expect(style.status).toBe(200)
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8')
    expect(style.headers.get('cache-control')).toContain('immutable')
    expect(await style.text()).not.toMatch(/url\(|@import|https?:/)
  })
})
