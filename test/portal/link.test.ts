import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, linkThrough, onlyForm, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)

describe('linking', () => {
  test('from consent through the partner to an active benefit, and back again', async () => {
    const visitor = await world.memberAt('lin')
    expect(visitor.page.body).toContain('Your 88VIP membership')
    expect(visitor.page.body).toContain('Link your account to start using it.')

    const consent = await visitor.browser.get(at('/link/youku'))
    expect(consent.body).toContain('Benefit youku-vip')
    for (const text of ['Who receives it', 'What for', 'Youku receives from us', 'How to undo it', '30 days'])
      expect(consent.body).toContain(text)
    expect(onlyForm(consent).buttons.map(({ text }) => text)).toEqual(['Agree and link', 'Cancel'])
    expect(consent.headers.get('content-security-policy')).toMatch(/form-action 'self' http:\/\/localhost:\d+;/)

    const linked = await linkThrough(world, visitor, 'u-1')
    expect(linked.url.href).toBe(at('/link/youku/done?programme=88vip'))
    expect(linked.body).toContain('u-1')
    expect((await visitor.browser.get(at('/'))).body).toContain('u-1')
    expect(await world.linkedAccount('lin')).toBe('u-1')

    const confirm = await visitor.browser.get(at('/unlink/youku?programme=88vip'))
    expect(confirm.body).toContain('“Benefit youku-vip” stops at once.')
    const gone = await visitor.browser.submit(confirm, onlyForm(confirm), {}, 'Unlink account')
    expect(gone.body).toContain('Your Youku account is no longer linked')
    expect(await world.linkedAccount('lin')).toBeUndefined()
    const nothing = await visitor.browser.get(at('/unlink/youku'))
    expect([nothing.status, codeOf(nothing)]).toEqual([404, 'link-not-found'])
  })

  test('Cancel on the consent page goes home and contacts nobody', async () => {
    const visitor = await world.memberAt('cancel-here')
    const page = await linkThrough(world, visitor, 'u-x', { button: 'Cancel' })
    expect(page.url.href).toBe(at('/'))
    expect(await world.linkedAccount('cancel-here')).toBeUndefined()
  })

  test('a member who cancels at the partner gets a page with a way back', async () => {
    const { browser } = await world.memberAt('cancel-there')
    const consent = await browser.get(at('/link/youku'))
    const partner = await browser.submit(consent, onlyForm(consent))
    const page = await browser.submit(partner, onlyForm(partner), {}, 'cancel')
    expect(page.status).toBe(200)
    expect(page.body).toContain('Linking cancelled')
    expect(page.links.map(({ href }) => href.pathname)).toContain('/link/youku')
    expect(await world.linkedAccount('cancel-there')).toBeUndefined()
  })

  test('an account of another member is refused with what to do', async () => {
    const first = await world.memberAt('owner')
    await linkThrough(world, first, 'u-owned')
    const page = await linkThrough(world, await world.memberAt('intruder'), 'u-owned')
    expect([page.status, codeOf(page)]).toEqual([409, 'account-linked-elsewhere'])
    expect(await world.linkedAccount('intruder')).toBeUndefined()
  })

  test('an account that pays by itself is not linked, and the page says from when it could be', async () => {
    const page = await linkThrough(world, await world.memberAt('double'), 'u-paid')
    expect([page.status, codeOf(page)]).toEqual([409, 'account-already-pays'])
    expect(page.body).toMatch(/paid until \w+ \d+, 20\d\d\./)
    expect(await world.linkedAccount('double')).toBeUndefined()
  })

  test('another account waits for the cooldown, and the page names its end', async () => {
    const visitor = await world.memberAt('cooling')
    await linkThrough(world, visitor, 'u-cool')
    const confirm = await visitor.browser.get(at('/unlink/youku'))
    await visitor.browser.submit(confirm, onlyForm(confirm))
    // A fresh browser: the partner still knows the old one as u-cool.
    const page = await linkThrough(world, await world.signIn('cooling'), 'u-cool-2')
    expect([page.status, codeOf(page)]).toEqual([409, 'relink-cooldown'])
    expect(page.body).toMatch(/Possible from \w+ \d+, 20\d\d on\./)
  })

  test('with two memberships the page asks for which one', async () => {
    await world.sellTo('both', 'gold')
    const { browser } = await world.memberAt('both')
    const page = await browser.get(at('/link/youku'))
    expect(page.body).toContain('Which membership do you want to use at Youku?')
    const choice = page.links.find(({ text }) => text === 'Gold')
    if (!choice) throw new Error('no Gold')
    const consent = await browser.get(choice.href)
    expect(onlyForm(consent).controls.get('programme')).toBe('gold')
  })

  test('a partner unknown, or without a benefit for the member', async () => {
    const { browser } = await world.signIn('nobody')
    const unknown = await browser.get(at('/link/nowhere'))
    expect([unknown.status, codeOf(unknown)]).toEqual([404, 'partner-not-found'])
    const nothing = await browser.get(at('/link/youku'))
    expect([nothing.status, codeOf(nothing)]).toEqual([409, 'no-benefit-here'])
    const strange = await browser.get(at(`/link/${encodeURIComponent('<b>"#')}`))
    expect([strange.status, codeOf(strange)]).toEqual([404, 'partner-not-found'])
    expect(strange.body).not.toContain('<b>"')
  })

  test('a partner that is down before the member agreed', async () => {
    const { browser } = await world.memberAt('early')
    await world.registerYoukuAs('another')
    world.replaceYouku((_request, response) => response.writeHead(500).end('<h1>broken</h1>'))
    const page = await browser.get(at('/link/youku'))
    await world.registerYoukuAs('tessera')
    expect([page.status, codeOf(page)]).toEqual([502, 'partner-unavailable'])
    expect(page.links.find(({ text }) => text === 'Try again')?.href.pathname).toBe('/link/youku')
    world.reset()
    expect((await browser.get(at('/link/youku'))).status).toBe(200)
  })
})

test('the log names no person, account, token or state', () => {
  const text = world.lines.join('\n')
  expect(text).toContain('portal-refused')
  for (const secret of ['u-owned', 'intruder', 'u-paid', 'tessera-secret', 'state=', 'code='])
    expect(text).not.toContain(secret)
})
