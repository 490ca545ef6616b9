import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { eraseDue } from '../../functions/privacy/erase-member.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type Visitor, type World } from '../portal/world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())

const at = (path: string) => world.at(path)

/** What no log may hold: what the browser was given, and what the member is called anywhere. */
const seen = new Set<string>()
function note({ browser }: Visitor, body: string) {
  for (const value of browser.cookiesFor(at('/')).values()) if (value.length > 5) seen.add(value)
  const csrf = /name="csrf" value="([^"]+)"/.exec(body)?.[1]
  if (csrf) seen.add(csrf)
}

test('a whole journey leaves no line with a subject, an account, a name, a cookie or a token', async () => {
  const names = ['login-of-the-journey', 'first-account-of-it', 'account-of-another', 'name-of-the-shop']
  const [login = '', account = '', taken = ''] = names
  await linkThrough(world, await world.memberAt('another-login'), taken)

  const visitor = await world.memberAt(login)
  const { browser } = visitor
  const visit = async (path: string) => {
    const page = await browser.get(at(path))
    note(visitor, page.body)
    return page
  }
  note(visitor, visitor.page.body)
  expect(visitor.page.body).toContain(login)
  const refused = await linkThrough(world, visitor, taken)
  expect(codeOf(refused)).toBe('account-linked-elsewhere')
  await visit(`/link/youku/callback?code=code-of-the-journey&state=state-of-the-journey&iss=${world.identityIssuer}`)
  await visit(`/link/name-of-the-shop?programme=88vip`)
  await visit(`/sign-in/callback?code=code-of-the-journey&state=state-of-the-journey`)
  await browser.get(`${world.issuer}/`)

  const second = await world.signIn(login)
  note(second, second.page.body)
  await linkThrough(world, second, account)
  expect(await world.linkedAccount(login)).toBe(account)
  const unlink = await second.browser.get(at('/unlink/youku'))
  note(second, unlink.body)
  await second.browser.submit(unlink, onlyForm(unlink))
  await linkThrough(world, second, account)
  const file = await second.browser.get(at('/privacy/export'))
  expect(file.body).toContain(account)

  const ask = await second.browser.get(at('/privacy/erase'))
  const { table } = world.services
  const whole = { ...table }
  const sick: Table['commit'] = writes =>
    // What a client library says may quote the item.
    writes.length > 4 ? Promise.reject(new Error(`${login} ${account}`)) : whole.commit(writes)
  Object.assign(table, { commit: sick })
  const done = await second.browser
    .submit(ask, onlyForm(ask), { understood: 'yes' })
    .finally(() => Object.assign(table, whole))
  expect(done.body).toContain('Your data is being erased')
  await eraseDue(world.services)

  const events = world.lines.map(line => (JSON.parse(line) as { event: string }).event)
  for (const event of ['portal-refused', 'erasure-interrupted', 'member-erased']) expect(events).toContain(event)
  expect(seen.size).toBeGreaterThan(4)
  const log = world.lines.join('\n')
  for (const secret of [...names, 'another-login', 'of-the-journey', ...seen]) expect(log).not.toContain(secret)
  // Sealed cookies, JSON Web Tokens, and the parameters of an OpenID answer, whatever their values.
  expect(log).not.toMatch(/Fe26\.|eyJ[\w-]{10,}\.|[?&](code|state|nonce)=/)
})
