import { decodeJwt } from 'jose'
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import type { Page } from '../../functions/local/form-browser.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { redeemPass } from '../../functions/passes/redeem-pass.ts'
import { codeOf, onlyForm, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())

async function memberOf(login: string) {
  const member = await findMember(world.services, { issuer: world.identityIssuer, subject: login })
  if (!member) throw new Error(`nobody was sold anything under ${login}`)
  return member.id
}

/** A signed-in member with linked accounts at the partners. */
async function linkedMember(login: string, partners: string[], options: { acceptLanguage?: string } = {}) {
  const membership = await world.sellTo(login)
  for (const partner of partners)
    await completeLink(world.services, {
      member: await memberOf(login),
      programme: '88vip',
      partner,
      account: `${login}@${partner}`,
    })
  return { membership, ...(await world.signIn(login, options, '/pass')) }
}

const codeForms = (page: Page) => page.forms.filter(({ action }) => action.pathname === '/pass')
const tokenOn = ({ body }: Page) => />\s*(eyJ[\w-]+\.[\w-]+\.[\w-]+)\s*</.exec(body)?.[1]
const press = async ({ browser, page }: { browser: Awaited<ReturnType<World['signIn']>>['browser']; page: Page }) => {
  const [form] = codeForms(page)
  if (!form) throw new Error(`no button on ${page.body}`)
  return browser.submit(page, form)
}

/** Dark modules as the page draws them. */
function modulesOn({ body }: Page): { size: number; dark: Set<string> } {
  const size = Number(/<svg[^>]*viewBox="0 0 (\d+) \1"[^>]*role="img"/.exec(body)?.[1])
  const [, path = ''] = /<path d="((?:M\d+ \d+\.5h\d+)+)"/.exec(body) ?? []
  const dark = new Set<string>()
  for (const [, x, y, run] of path.matchAll(/M(\d+) (\d+)\.5h(\d+)/g))
    for (let step = 0; step < Number(run); step++) dark.add(`${Number(x) + step},${y}`)
  return { size, dark }
}

describe('the list of passes', () => {
  it('shows each linked account with what is left, and opening it makes no pass', async () => {
    const { page } = await linkedMember('list', ['youku', 'xiami'])
    expect(page.status).toBe(200)
    for (const shown of ['Youku', 'Xiami', 'list@youku', 'list@xiami', 'Benefit youku-vip', '4 of 4 this month'])
      expect(page.body).toContain(shown)
    expect(codeForms(page).map(({ method, controls }) => [method, controls.get('partner')])).toEqual([
      ['GET', 'youku'],
      ['GET', 'xiami'],
    ])
    // Neither a token nor a link that a browser could fetch ahead of time.
    expect(tokenOn(page)).toBeUndefined()
    expect(page.links.filter(({ href }) => href.searchParams.has('partner') && href.pathname === '/pass')).toEqual([])
  })

  it('leads on where nothing is linked, or nothing was bought', async () => {
    const { page } = await linkedMember('unlinked', [])
    expect(page.body).toContain('No account is linked yet')
    expect(codeForms(page)).toEqual([])
    expect((await world.signIn('stranger', {}, '/pass')).page.body).toContain('No account is linked yet')
  })

  it('asks who is signed out to sign in, and comes back', async () => {
    const { page } = await linkedMember('back', ['youku'])
    expect(page.url.pathname).toBe('/pass')
  })
})

describe('a code', () => {
  it('is the token as a QR code, with until when it is good and what staff see', async () => {
    const visitor = await linkedMember('code', ['xiami'])
    const page = await press(visitor)
    const token = tokenOn(page) ?? ''
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({ aud: 'xiami', iss: world.issuer })
    const { size, dark } = modulesOn(page)
    const expected = encode(token, { ecc: 'L', border: 4 })
    expect(size).toBe(expected.size)
    const cells = expected.data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`${x},${y}`] : [])))
    expect([...dark].toSorted()).toEqual(cells.toSorted())
    expect(page.body).toMatch(/role="img" aria-label="QR code for staff at Xiami to scan, valid until [^"]+"/)
    for (const shown of ['Your code for Xiami', '60 seconds', 'Benefit xiami-5off', '4 of 4 this month'])
      expect(page.body).toContain(shown)
    // What is open to choose is not in the token, and not on the page either.
    expect(page.body).not.toContain('Benefit xiami-hifi')
  })

  it('goes void on the page after its minute, without script or style', async () => {
    const page = await press(await linkedMember('void', ['youku']))
    expect(page.body).toContain('begin="60s"')
    expect(page.body).toContain('dur="60s"')
    expect(page.body).toContain('Expired')
    expect(page.body).not.toMatch(/<script|<style|style=|http-equiv="refresh"/)
  })

  it('is kept by nobody on the way, and is in no log', async () => {
    const page = await press(await linkedMember('kept', ['youku']))
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(world.lines.join('\n')).not.toContain(tokenOn(page))
  })

  it('can be had anew, and each one is redeemed once', async () => {
    const visitor = await linkedMember('anew', ['youku'])
    const first = await press(visitor)
    const second = await press({ ...visitor, page: first })
    const [one, two] = [tokenOn(first) ?? '', tokenOn(second) ?? '']
    expect(one).not.toBe(two)
    await redeemPass(world.services, { partner: 'youku', id: 'till-1', token: two })
    await redeemPass(world.services, { partner: 'youku', id: 'till-2', token: one })
    const again = redeemPass(world.services, { partner: 'youku', id: 'till-3', token: one })
    await expect(again).rejects.toMatchObject({ code: 'pass-already-redeemed' })
  })

  it('in Chinese', async () => {
    const visitor = await linkedMember('zhong', ['xiami'], { acceptLanguage: 'zh-CN' })
    expect(visitor.page.body).toContain('虾米')
    const page = await press(visitor)
    for (const shown of ['虾米会员码', '60 秒', '本月剩 4 / 4', '已失效']) expect(page.body).toContain(shown)
  })
})

describe('no code', () => {
  it('while the membership is paused, and the page says so', async () => {
    const visitor = await linkedMember('paused', ['youku'])
    const action = { id: visitor.membership.id, verb: 'suspend' as const, action: {} }
    await changeMembership(world.services, { brand: 'alibaba' }, action)
    const list = await visitor.browser.get(world.at('/pass'))
    expect(list.body).toContain('Paused')
    expect(codeForms(list)).toEqual([])
    const page = await visitor.browser.get(world.at('/pass?partner=youku'))
    expect(page.status).toBe(409)
    expect(page.body).toContain('Your membership is paused')
    expect(tokenOn(page)).toBeUndefined()
  })

  it('where the link has ended, or never was', async () => {
    const visitor = await linkedMember('ended', ['youku'])
    const request = { member: await memberOf('ended'), programme: '88vip', partner: 'youku', reason: 'member' as const }
    await unlink(world.services, request)
    for (const asked of ['youku', 'xiami', 'nobody', '', '%00', `${'x'.repeat(3000)}`, '<script>']) {
      const page = await visitor.browser.get(world.at(`/pass?partner=${asked}`))
      expect([page.status, codeOf(page)], asked).toEqual([404, 'link-not-found'])
    }
    const page = await visitor.browser.get(world.at('/pass?partner=youku&programme=gold'))
    expect(page.status).toBe(404)
  })

  it('is guessed where two memberships have a link at the partner: the member says which', async () => {
    await world.sellTo('twice', 'gold')
    const visitor = await linkedMember('twice', ['youku'])
    const member = await memberOf('twice')
    await completeLink(world.services, { member, programme: 'gold', partner: 'youku', account: 'twice@youku' })
    const list = await visitor.browser.get(world.at('/pass?partner=youku'))
    expect(
      codeForms(list)
        .map(({ controls }) => controls.get('programme'))
        .toSorted(),
    ).toEqual(['88vip', 'gold'])
    const page = await visitor.browser.get(world.at('/pass?partner=youku&programme=gold'))
    expect(page.body).toContain('Benefit youku-kids')
    expect(onlyForm(page).buttons[0]?.text).toBe('Show a new code')
  })
})
