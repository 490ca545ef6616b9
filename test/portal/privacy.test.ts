import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { eraseDue } from '../../functions/privacy/erase-member.ts'
import { MemberExport } from '../../schemas/privacy.ts'
import { pageFaults } from './page-faults.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())

const at = (path: string) => world.at(path)

describe('the privacy page', () => {
  test('says what is held, with counts, and leads to export and erasure', async () => {
    const visitor = await world.memberAt('counts')
    await linkThrough(world, visitor, 'u-counts')
    const page = await visitor.browser.get(at('/privacy'))
    for (const text of ['Memberships: 1', 'Partner accounts: 1', 'Entries in your log: 1'])
      expect(page.body).toContain(text)
    const links = page.links.map(({ href }) => href.pathname)
    expect(links).toContain('/privacy/export')
    expect(links).toContain('/privacy/erase')
  })

  test('is for who is signed in', async () => {
    for (const path of ['/privacy', '/privacy/export', '/privacy/erase', '/privacy?done=nonsense']) {
      const answer = await fetch(at(path), { redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')?.split('?')[0]]).toEqual([303, '/sign-in'])
    }
  })

  test('a download is one file that the schema describes, and is logged', async () => {
    const visitor = await world.memberAt('download')
    await linkThrough(world, visitor, 'u-download')
    const file = await visitor.browser.get(at('/privacy/export'))
    expect(file.headers.get('content-type')).toBe('application/json')
    expect(file.headers.get('cache-control')).toBe('no-store')
    expect(file.headers.get('content-disposition')).toMatch(/^attachment; filename="tessera-\d{4}-\d\d-\d\d\.json"$/)
    const document = MemberExport.parse(JSON.parse(file.body))
    expect(document.identity).toMatchObject({ issuer: world.identityIssuer, subject: 'download' })
    expect(document.links).toMatchObject([{ partner: 'youku', account: 'u-download', state: 'active' }])
    expect(document.activity.map(({ action }) => action)).toEqual(['linked', 'data-exported'])
  })
})

describe('an erasure', () => {
  test('says what ends and what stays, and asks for a tick', async () => {
    const visitor = await world.memberAt('ask')
    await linkThrough(world, visitor, 'u-ask')
    const page = await visitor.browser.get(at('/privacy/erase'))
    expect(page.body).toContain('Your 88VIP membership')
    expect(page.body).toContain('The link with Youku')
    const refused = await visitor.browser.submit(page, onlyForm(page))
    expect(refused.status).toBe(422)
    expect(refused.body).toContain('aria-invalid="true"')
    expect(pageFaults(refused)).toEqual([])
    expect(await world.linkedAccount('ask')).toBe('u-ask')
  })

  test('without the form’s token nothing happens', async () => {
    const { browser } = await world.memberAt('forged')
    const cookie = [...browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')
    const body = new URLSearchParams({ understood: 'yes' })
    const answer = await fetch(at('/privacy/erase'), { method: 'POST', headers: { cookie }, body })
    expect(answer.status).toBe(403)
    expect((await browser.get(at('/'))).body).toContain('Hello, forged')
  })

  test('ends the session here and elsewhere, and the person is somebody new', async () => {
    const visitor = await world.memberAt('gone')
    const elsewhere = await world.signIn('gone')
    await linkThrough(world, visitor, 'u-gone')
    const page = await visitor.browser.get(at('/privacy/erase'))
    const done = await visitor.browser.submit(page, onlyForm(page), { understood: 'yes' })
    expect([done.status, done.url.href]).toEqual([200, at('/privacy?done=erased')])
    expect(done.body).toContain('Your data is erased')
    expect(done.forms).toEqual([])
    const late = await elsewhere.browser.submit(page, onlyForm(page), { understood: 'yes' })
    expect([late.status, codeOf(late)]).toEqual([401, 'signed-out'])
    const anew = await world.signIn('gone')
    expect(anew.page.body).toContain('No membership yet')
    expect((await anew.browser.get(at('/privacy'))).body).toContain('Memberships: 0')
  })

  test('that rivals interrupt is under way, and finishes by itself', async () => {
    const visitor = await world.memberAt('slow')
    await linkThrough(world, visitor, 'u-slow')
    const page = await visitor.browser.get(at('/privacy/erase'))
    const { table } = world.services
    const whole = { ...table }
    const sick: Table['commit'] = writes =>
      writes.length > 4 ? Promise.reject(new Error('rivals')) : whole.commit(writes)
    Object.assign(table, { commit: sick })
    const done = await visitor.browser
      .submit(page, onlyForm(page), { understood: 'yes' })
      .finally(() => Object.assign(table, whole))
    expect(done.body).toContain('Your data is being erased')
    expect((await world.signIn('slow')).page.body).toContain('No membership yet')
    expect(await eraseDue(world.services)).toBe(1)
    expect(await eraseDue(world.services)).toBe(0)
  })

  test('of who never had a membership signs out everywhere', async () => {
    const { browser } = await world.signIn('empty-handed')
    const elsewhere = await world.signIn('empty-handed')
    const page = await browser.get(at('/privacy/erase'))
    const done = await browser.submit(page, onlyForm(page), { understood: 'yes' })
    expect(done.body).toContain('Your data is erased')
    expect((await elsewhere.browser.get(at('/'))).body).toContain('One membership, all its benefits')
  })
})

describe.each(['en', 'zh-CN'])('the pages in %s', acceptLanguage => {
  test('are whole', async () => {
    const visitor = await world.memberAt(`pages-${acceptLanguage}`, { acceptLanguage })
    const { browser } = visitor
    const pages = [await browser.get(at('/privacy')), await browser.get(at('/privacy/erase'))]
    const ask = pages[1]
    if (!ask) throw new Error('no page')
    pages.push(await browser.submit(ask, onlyForm(ask), { understood: 'yes' }))
    for (const page of pages) {
      expect(pageFaults(page), page.url.href).toEqual([])
      expect(page.body).toContain(`<html lang="${acceptLanguage}">`)
    }
  })
})
