import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { plusSeconds } from '../../functions/kernel/clock.ts'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { followLinks } from '../../functions/tokens/follow-links.ts'
import { partnerWorld } from './partner-world.ts'

let world: Awaited<ReturnType<typeof partnerWorld>>
beforeAll(async () => {
  world = await partnerWorld()
})
afterAll(() => world.stop())
afterEach(() => world.between.reset())

const caller = { brand: 'alibaba' }

/** A member linked at youku and signed in there, and the last token that went there. */
async function linked(name: string) {
  const membership = await world.sell(name)
  const link = await world.link(membership, 'youku', `youku-${name}`)
  const browser = new FormBrowser({ acceptLanguage: 'en' })
  const landing = await browser.get(world.youku.url)
  const signIn = landing.links.find(({ href }) => href.pathname === '/oidc/sign-in')
  const form = await browser.get(signIn?.href ?? world.youku.url)
  const [login] = form.forms
  if (login) await browser.submit(form, login, { login: `youku-${name}`, password: 'demo' })
  return { membership, link, browser }
}

interface Claims {
  readonly status: { readonly status_list: { readonly idx: number; readonly uri: string } }
}

test('a token from before a suspension is refused by its bit, and serves again after the resume', async () => {
  const { membership, link, browser } = await linked('paused')
  const tokens: string[] = []
  world.between.answer = async (request, next) => {
    if (!request.url.endsWith('/v1/entitlement-tokens')) return next()
    const [first] = tokens
    // Whoever stands between goes on handing out the first token.
    if (first !== undefined) return Response.json({ token: first, expiresAt: '', entitlements: [] })
    const answer = await next()
    tokens.push(((await answer.clone().json()) as { token: string }).token)
    return answer
  }
  expect((await browser.get(world.youku.url)).body).toContain('VIP unlocked')

  const claims = JSON.parse(Buffer.from(tokens[0]?.split('.')[1] ?? '', 'base64url').toString()) as Claims
  const { idx, uri } = claims.status.status_list
  const at = { list: Number(uri.split('/').at(-1)), index: idx }
  /** What the change stream does after the link has changed, and time for the gateway to look at its list again. */
  const follow = async () => {
    await followLinks(world.services, [{ link: link.id, partner: 'youku', indexes: [at] }])
    world.clock.moveTo(plusSeconds(world.clock.now(), 6))
  }

  await changeMembership(world.services, caller, { id: membership.id, verb: 'suspend', action: {} })
  await follow()
  const locked = await browser.get(world.youku.url)
  expect(locked.body).toContain('token-suspended')
  expect(locked.body).not.toContain('is-unlocked')

  await changeMembership(world.services, caller, { id: membership.id, verb: 'resume', action: {} })
  await follow()
  expect((await browser.get(world.youku.url)).body).toContain('VIP unlocked')
})

test('without the list nothing is unlocked, and the page names why', async () => {
  const { browser } = await linked('cut-off')
  world.clock.moveTo(plusSeconds(world.clock.now(), 2))
  world.between.answer = (request, next) =>
    request.url.includes('/status-lists/') ? Promise.resolve(new Response('', { status: 503 })) : next()
  const page = await browser.get(world.youku.url)
  expect(page.body).toContain('status-list-unavailable')
  expect(page.body).not.toContain('is-unlocked')
})
