import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instantOf } from '../../functions/kernel/clock.ts'
import { Conflict, type Table, type Write } from '../../functions/kernel/table.ts'
import { findLinkRecord } from '../../functions/links/records.ts'
import { authorizationServer } from '../../functions/oauth/provider.ts'
import type { LinkId, MemberId } from '../../schemas/ids.ts'
import { codeFlow, type LinkWorld, linkWorld, returnsTo } from './link-world.ts'

/** What breaks in the middle of a flow, and who comes at the same time. */
let world: LinkWorld
beforeAll(async () => {
  world = await linkWorld()
})
afterAll(() => world.stop())

let made = 0
async function fresh(): Promise<{ member: MemberId; account: string }> {
  const name = `unlucky-${++made}`
  return { member: await world.memberOf(name), account: `y-${name}` }
}
const headers = new Headers({
  authorization: `Basic ${Buffer.from('youku:youku-secret').toString('base64')}`,
  'content-type': 'application/x-www-form-urlencoded',
})
const brokenHere = () => Promise.reject(new Error('the table does not answer'))
const faults = () => world.lines.filter(([, event]) => event === 'oauth-failed').length

/** The same server on a table of which something breaks. */
async function tokenAt(table: Partial<Table>, form: Record<string, string>) {
  const server = authorizationServer({ ...world, table: { ...world.table, ...table } })
  const answer = await server.token(headers, new URLSearchParams(form).toString())
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}
const refresh = (refresh_token = '') =>
  world.post('/oauth/token', 'youku', { grant_type: 'refresh_token', refresh_token })
/** Links are made by the only commit of more than five writes. */
const makesLink = (writes: Write[]) => writes.length > 5
const itemOf = (write: Write) => write('table').Put?.Item ?? {}

describe('a token call', () => {
  test('reads nothing between its link and its answer', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    let isMade = false
    const { status, body } = await tokenAt(
      {
        commit: async writes => {
          await world.table.commit(writes)
          isMade ||= makesLink(writes)
        },
        get: (type, key) => (isMade ? brokenHere() : world.table.get(type, key)),
      },
      { ...form, account },
    )
    expect([status, body]).toMatchObject([200, { link_id: expect.stringMatching(/^lnk_/) }])
    expect(await world.linksOf('youku', account)).toMatchObject([{ id: body['link_id'], state: 'active' }])
    expect((await refresh(body['refresh_token'])).status).toBe(200)
  })

  test('whose link was written though the table said nothing has its link', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const commit: Table['commit'] = async writes => {
      await world.table.commit(writes)
      if (makesLink(writes)) await brokenHere()
    }
    const { status, body } = await tokenAt({ commit }, { ...form, account })
    expect([status, body]).toMatchObject([200, { link_id: expect.stringMatching(/^lnk_/), programme: '88vip' }])
    expect(await world.linksOf('youku', account)).toMatchObject([{ id: body['link_id'], state: 'active' }])
    expect((await refresh(body['refresh_token'])).status).toBe(200)
  })

  test('of which nobody can say whether it made a link says that, and takes nothing away', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    let isMade = false
    const written: Write[] = []
    const { status, body } = await tokenAt(
      {
        commit: async writes => {
          await world.table.commit(writes)
          isMade ||= makesLink(writes)
          if (isMade) await brokenHere()
        },
        get: (type, key) => (isMade ? brokenHere() : world.table.get(type, key)),
        write: async write => {
          if (isMade) written.push(write)
          await world.table.write(write)
        },
      },
      { ...form, account },
    )
    expect([status, body]).toEqual([
      503,
      { error: 'server_error', error_description: expect.stringContaining('GET /v1/links') },
    ])
    expect([body['error_description']].join()).not.toContain('no link was made')
    expect(await world.linksOf('youku', account)).toMatchObject([{ state: 'active' }])
    expect(written).toEqual([])
  })

  test('that made no link says so', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const commit: Table['commit'] = writes => (makesLink(writes) ? brokenHere() : world.table.commit(writes))
    const { status, body } = await tokenAt({ commit }, { ...form, account })
    expect([status, body['error_description']]).toEqual([503, 'no link was made: begin again later'])
    expect(await world.linksOf('youku', account)).toEqual([])
  })

  test('makes a link that says when the member agreed', async () => {
    const { member, account } = await fresh()
    const { redeem } = await codeFlow(world, { member })
    const agreedBy = Date.now()
    const answer = await redeem({ account })
    const link = await findLinkRecord(world.table, answer['link_id'] as LinkId)
    expect(Date.parse(link?.consentedAt ?? '')).toBeLessThanOrEqual(agreedBy)
    expect(Date.parse(link?.since ?? '')).toBeGreaterThan(Date.parse(link?.consentedAt ?? ''))
  })

  test('for the account that is linked already is good, though it was not named before', async () => {
    const { member, account } = await fresh()
    const first = await (await codeFlow(world, { member })).redeem({ account })
    const again = await (await codeFlow(world, { member })).redeem({ account })
    expect(again['link_id']).toBe(first['link_id'])
    const other = await (await codeFlow(world, { member }))
      .redeem({ account: `${account}-other` })
      .catch(error => error)
    expect(other).toMatchObject({ error: 'access_denied', error_description: expect.stringMatching(/^already-linked/) })
  })
})

test.each([
  ['the grant', ({ pk }: Record<string, unknown>) => String(pk).startsWith('OAUTH#Grant#')],
  ['the consent', ({ sk }: Record<string, unknown>) => sk === 'CONSENT'],
  ['the access token', ({ pk }: Record<string, unknown>) => String(pk).startsWith('OAUTH#access-token#')],
])('a refresh after which %s cannot be kept answers its tokens all the same', async (_name, isIt) => {
  const { member, account } = await fresh()
  const answer = await (await codeFlow(world, { member })).redeem({ account })
  const before = faults()
  let broken = 0
  const write: Table['write'] = one => {
    if (!isIt(itemOf(one))) return world.table.write(one)
    broken++
    return brokenHere()
  }
  const form = { grant_type: 'refresh_token', refresh_token: answer.refresh_token ?? '' }
  const { status, body } = await tokenAt({ write }, form)
  expect([status, body]).toMatchObject([200, { link_id: answer['link_id'], programme: '88vip' }])
  expect([broken, faults() - before]).toEqual([1, 1])
  expect((await refresh(body['refresh_token'])).status).toBe(200)
})

const challenge = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }
const asking = new URLSearchParams({
  client_id: 'youku',
  response_type: 'code',
  redirect_uri: returnsTo,
  ...challenge,
})
const authorize = () => `${world.issuer}/oauth/authorize?${asking}`
const cookiesOf = ({ jar }: ReturnType<LinkWorld['browser']>) => [...jar.values()].map(({ value }) => value).join('; ')

describe('an interaction', () => {
  test('that cannot be looked up is a fault, not one that has expired', async () => {
    const browser = world.browser()
    const { url } = await browser.follow(authorize())
    let isBroken = false
    const get: Table['get'] = (type, key) => (isBroken ? brokenHere() : world.table.get(type, key))
    const { flows } = authorizationServer({ ...world, table: { ...world.table, get } })
    const request = new Request(url, { headers: { cookie: cookiesOf(browser) } })
    expect(await flows.asked(request)).toMatchObject({ partner: 'youku' })
    isBroken = true
    await expect(flows.asked(request)).rejects.toThrow('does not answer')
  })

  test('that many go on with at once gives one code, and is over', async () => {
    const browser = world.browser()
    const { url } = await browser.follow(authorize())
    const cookie = cookiesOf(browser)
    const agree = () =>
      fetch(`${url}?member=${world.wang}`, { method: 'POST', redirect: 'manual', headers: { cookie } })
    const next = (await agree()).headers.get('location') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => fetch(next, { redirect: 'manual', headers: { cookie } })),
    )
    const locations = answers.map(answer => answer.headers.get('location') ?? '')
    expect(locations.filter(location => location.startsWith(returnsTo) && location.includes('code='))).toHaveLength(1)
    const pages = await Promise.all(answers.filter(({ status }) => status === 400).map(answer => answer.text()))
    expect(pages).toEqual(Array(7).fill('page: interaction-expired'))
    const late = await agree()
    expect([late.status, await late.json()]).toMatchObject([400, { code: 'interaction-expired' }])
  })

  test('is neither begun nor ended by who asks for the head only', async () => {
    const head = await fetch(authorize(), { method: 'HEAD', redirect: 'manual' })
    expect([head.status, head.headers.getSetCookie()]).toEqual([200, []])
    const browser = world.browser()
    const { url } = await browser.follow(authorize())
    const cookie = cookiesOf(browser)
    const resume = url.replace('/interaction/', '/authorize/')
    await fetch(`${url}?member=${world.wang}`, { method: 'POST', redirect: 'manual', headers: { cookie } })
    expect((await fetch(resume, { method: 'HEAD', redirect: 'manual', headers: { cookie } })).status).toBe(200)
    const gone = await fetch(resume, { redirect: 'manual', headers: { cookie } })
    expect(gone.headers.get('location')).toContain('code=')
  })
})

test('a pushed request gives one code, however late it is answered', async () => {
  const configuration = await world.discover('youku')
  const url = await client.buildAuthorizationUrlWithPAR(configuration, { redirect_uri: returnsTo, ...challenge })
  const browsers = [world.browser(), world.browser()]
  const pages = await Promise.all(browsers.map(browser => browser.follow(String(url))))
  world.passWallTime(1790)
  const back: URLSearchParams[] = []
  for (const [index, browser] of browsers.entries()) {
    const answered = await browser.follow(`${pages[index]?.url}?member=${world.wang}`, 'POST')
    back.push(new URL(answered.url).searchParams)
  }
  world.passWallTime(-1790)
  expect(back.map(parameters => [parameters.has('code'), parameters.get('error')])).toEqual([
    [true, null],
    [false, 'invalid_request_uri'],
  ])
})

test('so many devices a minute and client, then 429 until the minute is over', async () => {
  let at = Date.parse('2026-11-22T10:00:50Z')
  const wallNow = () => instantOf(at)
  const server = authorizationServer({ ...world, wallNow, deviceRequestsPerMinute: 3 })
  const begin = async (id = 'youku', secret = `${id}-secret`) => {
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
    return server.handle(
      new Request(`${world.issuer}/oauth/device-authorization`, {
        method: 'POST',
        headers: { ...Object.fromEntries(headers), authorization },
        body: new URLSearchParams({ scope: 'link' }),
      }),
    )
  }
  const statuses = async (times: number) => {
    const answers: number[] = []
    for (let time = 0; time < times; time++) answers.push((await begin()).status)
    return answers
  }
  // Who cannot prove to be the client uses up nothing of what it may ask.
  for (let time = 0; time < 5; time++) expect((await begin('youku', 'guessed')).status).toBe(401)
  expect(await statuses(4)).toEqual([200, 200, 200, 429])
  const last = await begin()
  expect([last.status, last.headers.get('retry-after'), await last.json()]).toEqual([
    429,
    '10',
    { error: 'slow_down', error_description: expect.stringContaining('wait 10 seconds') },
  ])
  expect((await begin('eleme')).status).toBe(200)
  at += 10_000
  expect(await statuses(1)).toEqual([200])
})

test('revoking a grant goes on when a rival is in the way', async () => {
  const { member, account } = await fresh()
  const { form } = await codeFlow(world, { member })
  const { body } = await world.post('/oauth/token', 'youku', { ...form, account })
  let conflicts = 0
  const commit: Table['commit'] = writes =>
    conflicts++ < 2 ? Promise.reject(new Conflict([])) : world.table.commit(writes)
  // The code again: what was issued for it goes (RFC 6749 section 4.1.2).
  expect(await tokenAt({ commit }, { ...form, account })).toMatchObject({
    status: 400,
    body: { error: 'invalid_grant' },
  })
  expect(conflicts).toBeGreaterThan(2)
  expect((await refresh(body.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
})
