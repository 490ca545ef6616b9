import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { instantOf } from '../../functions/kernel/clock.ts'
import { recordActivity } from '../../functions/links/activity.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import type { ActivityEntry } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { codeOf, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())

/** Signed in, with what was done so far. */
async function memberWith(login: string, entries: ActivityEntry[] = []) {
  await world.sellTo(login)
  const member = await findMember(world.services, { issuer: world.identityIssuer, subject: login })
  if (!member) throw new Error('nobody was sold anything')
  for (const entry of entries) await recordActivity(world.services, member.id, entry)
  return { member: member.id, open: (options = {}) => world.signIn(login, options, '/activity') }
}
const at = instantOf(Date.UTC(2026, 9, 3, 4, 11, 9))
const youku = { programme: '88vip', partner: 'youku' }
const plain = (html: string) => html.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ')

describe('the log', () => {
  it.each<[ActivityEntry, string[], string[]]>([
    [
      { at, action: 'linked', ...youku, via: 'portal' },
      ['Youku account linked', 'You agreed here in the portal', 'random member number', 'no longer in force'],
      ['已绑定优酷账号', '您在本页面同意', '随机会员编号', '不再有效'],
    ],
    [{ at, action: 'linked', ...youku, via: 'device' }, ['for a TV'], ['电视']],
    [{ at, action: 'linked', ...youku, via: 'partner' }, ['site or app'], ['网站或应用']],
    [
      { at, action: 'unlinked', ...youku, reason: 'member' },
      ['Youku account unlinked', 'You unlinked it'],
      ['由您解除'],
    ],
    [
      { at, action: 'link-broken', ...youku, reason: 'account-closed' },
      ['Link to Youku broken', 'partner reports that the account was closed'],
      ['优酷的绑定已失效', '账号已注销'],
    ],
    [
      { at, action: 'link-refused', ...youku, code: 'relink-cooldown' },
      ['Linking Youku refused', 'only later', 'Nothing was linked'],
      ['未能绑定优酷账号', '没有绑定任何账号'],
    ],
    [{ at, action: 'link-refused', ...youku, code: 'of-another-version' }, ['Linking Youku refused'], ['未能绑定']],
    [{ at, action: 'link-cancelled', ...youku }, ['Linking Youku cancelled'], ['已取消绑定优酷账号']],
    [
      { at, action: 'chosen', ...youku, benefit: 'youku-vip' as never },
      ['“Benefit youku-vip” chosen'],
      ['已选择「权益 youku-vip」'],
    ],
    [{ at, action: 'pass-redeemed', ...youku }, ['Pass used at Youku'], ['已在优酷使用会员码']],
    [{ at, action: 'data-exported' }, ['Your data exported'], ['已导出您的数据']],
    [{ at, action: 'signed-out-everywhere' }, ['Signed out on every device'], ['在所有设备上退出登录']],
  ])('%j in words', async (entry, english, chinese) => {
    const login = `words-${entry.action}-${entry.via ?? entry.code ?? ''}`
    const { open } = await memberWith(login, [entry])
    const page = plain((await open()).page.body)
    for (const words of [...english, 'October 3, 2026', '12:11', '(GMT+8)']) expect(page).toContain(words)
    const translated = plain((await open({ acceptLanguage: 'zh-CN' })).page.body)
    for (const words of [...chinese, '2026年10月3日', '12:11']) expect(translated).toContain(words)
  })

  it('offers to undo the consent that stands, and only that one', async () => {
    const { member, open } = await memberWith('undo')
    const request = { member, programme: '88vip', partner: 'youku' } as const
    await completeLink(world.services, { ...request, account: 'undo@youku' })
    await unlink(world.services, { ...request, reason: 'member' })
    await completeLink(world.services, { ...request, account: 'undo@youku' })
    const { page } = await open()
    expect(page.body.match(/account linked/g)).toHaveLength(2)
    const undo = page.links.filter(({ href }) => href.pathname === '/unlink/youku')
    expect(undo.map(({ href }) => href.search)).toEqual(['?programme=88vip'])
    expect(plain(page.body)).toContain('no longer in force')
  })

  it('is of nobody else, and empty at first', async () => {
    await memberWith('somebody', [{ at, action: 'data-exported' }])
    const { open } = await memberWith('empty')
    const { page } = await open()
    expect(page.status).toBe(200)
    expect(page.body).toContain('Nothing here yet')
    expect((await world.signIn('bought-nothing', {}, '/activity')).page.body).toContain('Nothing here yet')
  })

  it('shows names that are gone by their ids', async () => {
    const { open } = await memberWith('gone', [{ at, action: 'linked', programme: 'no-more', partner: 'no-one' }])
    const { page } = await open()
    expect(page.body).toContain('no-one account linked')
    expect(page.body).toContain('no-more')
  })

  it('has thirty on a page, newest first, and leads to older ones', async () => {
    const entries = Array.from({ length: 65 }, (_, second) => ({
      at: instantOf(Date.UTC(2026, 9, 1, 0, 0, second)) as Instant,
      action: 'data-exported' as const,
    }))
    const { open } = await memberWith('many', entries)
    const visitor = await open()
    const times: string[] = []
    const sizes: number[] = []
    let { page } = visitor
    for (;;) {
      const shown = [...page.body.matchAll(/<time datetime="([^"]+)"/g)].map(([, time]) => time ?? '')
      sizes.push(shown.length)
      times.push(...shown)
      const older = page.links.find(({ text }) => text === 'Older entries')
      if (!older) break
      page = await visitor.browser.get(older.href)
    }
    expect(sizes).toEqual([30, 30, 5])
    expect(times).toEqual(entries.map(entry => entry.at).toReversed())
    expect(page.links.map(({ text }) => text)).toContain('Newest entries')
  })

  it('takes no cursor but its own', async () => {
    const one = await memberWith('cursor', [{ at, action: 'data-exported' }])
    const other = await memberWith('cursor-other', [{ at, action: 'data-exported' }])
    const { browser } = await one.open()
    const foreign = Buffer.from(JSON.stringify({ pk: `MEMBER#${other.member}`, sk: 'ACTIVITY#2' })).toString(
      'base64url',
    )
    for (const cursor of ['x', '', '%00', foreign, 'e30', 'A'.repeat(5000)]) {
      const page = await browser.get(world.at(`/activity?cursor=${cursor}`))
      // An empty one is the first page.
      const expected = cursor === '' ? [200, undefined] : [400, 'invalid-request']
      expect([page.status, codeOf(page)], cursor).toEqual(expected)
    }
  })
})
