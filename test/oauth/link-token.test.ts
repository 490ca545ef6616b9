import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { authorizationServer } from '../../functions/oauth/provider.ts'
import type { MemberId } from '../../schemas/ids.ts'
import { codeFlow, type LinkWorld, linkWorld } from './link-world.ts'

let world: LinkWorld
beforeAll(async () => {
  world = await linkWorld()
})
afterAll(() => world.stop())

/** Each test's own member and account, so that links of one do not stand in another's way. */
let made = 0
async function fresh(): Promise<{ member: MemberId; account: string }> {
  const name = `person-${++made}`
  return { member: await world.memberOf(name), account: `y-${name}` }
}
const token = (form: Record<string, string>, id = 'youku') => world.post('/oauth/token', id, form)
const refresh = (refresh_token = '') => token({ grant_type: 'refresh_token', refresh_token })

async function linked(options: Parameters<LinkWorld['discover']>[0] = 'youku') {
  const { member, account } = await fresh()
  const { redeem } = await codeFlow(world, { id: options, member })
  return { member, account, answer: await redeem({ account }) }
}

describe('the token call', () => {
  test('that forgot the account can be made again with it', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const forgot = await token(form)
    expect([forgot.status, forgot.body]).toEqual([
      400,
      { error: 'invalid_request', error_description: expect.stringContaining('send account') },
    ])
    for (const bad of [{ account: '' }, { account: 'x'.repeat(256) }, { account, programme: '88 VIP' }]) {
      const answer = await token({ ...form, ...bad })
      expect([answer.status, answer.body]).toMatchObject([400, { error: 'invalid_request' }])
    }
    const other = await token({ ...form, account, programme: 'other' })
    expect([other.status, other.body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await token({ ...form, account, programme: '88vip' })).status).toBe(200)
  })

  test('uses the code once; the link stays', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const { body } = await token({ ...form, account })
    const again = await token({ ...form, account })
    expect([again.status, again.body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect(await world.linksOf('youku', account)).toMatchObject([{ id: body.link_id, state: 'active' }])
    // Somebody has the code who should not: what was issued for it is gone (RFC 6749 section 4.1.2).
    expect((await refresh(body.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
  })

  test('made ten times at once makes one link and answers once', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const answers = await Promise.all(Array.from({ length: 10 }, () => token({ ...form, account })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect(await world.linksOf('youku', account)).toHaveLength(1)
  })

  test.each<[string, (form: Record<string, string>) => Record<string, string>, string, string]>([
    ['with the code of another client', form => form, 'eleme', 'invalid_grant'],
    ['without a verifier', ({ code_verifier: _none, ...form }) => form, 'youku', 'invalid_grant'],
    ['with another verifier', form => ({ ...form, code_verifier: 'x'.repeat(43) }), 'youku', 'invalid_grant'],
    ['with another address', form => ({ ...form, redirect_uri: 'https://evil.example/' }), 'youku', 'invalid_grant'],
    ['with an unknown code', form => ({ ...form, code: 'x' }), 'youku', 'invalid_grant'],
  ])('%s makes nothing, and leaves the code to whose it is', async (_name, change, id, error) => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const wrong = await token({ ...change(form), account }, id)
    expect([wrong.status, wrong.body]).toMatchObject([400, { error }])
    expect([...(await world.linksOf('youku', account)), ...(await world.linksOf('eleme', account))]).toEqual([])
    expect((await token({ ...form, account })).status).toBe(200)
  })

  test('after a minute is too late', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    world.passWallTime(61)
    const late = await token({ ...form, account })
    world.passWallTime(-61)
    expect([late.status, late.body]).toMatchObject([400, { error: 'invalid_grant' }])
  })

  test('that the rules refuse says why, tells the member, and leaves nothing', async () => {
    const { account } = await linked()
    const { member } = await fresh()
    const { redeem, form } = await codeFlow(world, { member })
    const failure = await redeem({ account }).catch(error => error)
    expect(failure).toBeInstanceOf(client.ResponseBodyError)
    expect(failure).toMatchObject({
      status: 400,
      error: 'access_denied',
      error_description: expect.stringMatching(/^account-linked-elsewhere: /),
    })
    expect((await token({ ...form, account })).body).toMatchObject({ error: 'invalid_grant' })
    expect(await world.linksOf('youku', account)).toHaveLength(1)
    const [entry] = await world.activityOf(member)
    expect(entry).toMatchObject({ action: 'link-refused', code: 'account-linked-elsewhere', via: 'partner' })
    // The member is free to link another account.
    const next = await codeFlow(world, { member })
    expect(await next.redeem({ account: `${account}-own` })).toMatchObject({ link_id: expect.any(String) })
  })

  test('that breaks here is 503, and the code is used up', async () => {
    const { member, account } = await fresh()
    const { form } = await codeFlow(world, { member })
    const commit: Table['commit'] = writes =>
      writes.length > 5 ? Promise.reject(new Error(`broken at ${account}`)) : world.table.commit(writes)
    const broken = authorizationServer({ ...world, table: { ...world.table, commit } })
    const headers = new Headers({
      authorization: `Basic ${Buffer.from('youku:youku-secret').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    })
    const answer = await broken.token(headers, new URLSearchParams({ ...form, account }).toString())
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: 'server_error' }])
    expect(await world.linksOf('youku', account)).toEqual([])
    expect((await token({ ...form, account })).body).toMatchObject({ error: 'invalid_grant' })
    expect(JSON.stringify(world.lines)).not.toContain(account)
  })
})

describe('a refresh token', () => {
  test('is exchanged for a new one each time; the old one gives the grant away', async () => {
    const { answer, account } = await linked()
    const second = await refresh(answer.refresh_token)
    expect(second.body).toMatchObject({ link_id: answer['link_id'], scope: 'link', token_type: 'Bearer' })
    const third = await refresh(second.body.refresh_token)
    expect(third.status).toBe(200)
    expect((await refresh(answer.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
    expect((await refresh(third.body.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
    expect(await world.linksOf('youku', account)).toMatchObject([{ state: 'active' }])
  })

  test('lives on while it is used, and no longer than 180 days without', async () => {
    const { answer } = await linked()
    const days = 86_400
    // The library itself goes by the system's time: of what the store keeps, this is what a grant's end would take away.
    world.passWallTime(170 * days)
    const used = await refresh(answer.refresh_token)
    expect(used.status).toBe(200)
    world.passWallTime(170 * days)
    const again = await refresh(used.body.refresh_token)
    expect(again.status).toBe(200)
    world.passWallTime(181 * days)
    expect((await refresh(again.body.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
    world.passWallTime(-521 * days)
  })

  test('sent ten times at once is exchanged exactly once, and the link stands', async () => {
    const { answer, account } = await linked()
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(answer.refresh_token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect(await world.linksOf('youku', account)).toMatchObject([{ state: 'active' }])
  })

  test('ends with the link', async () => {
    const { answer, member } = await linked()
    await unlink(world, { member, programme: '88vip', partner: 'youku', reason: 'member' })
    const ended = await refresh(answer.refresh_token)
    expect([ended.status, ended.body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect(ended.body.error_description).toContain('has ended')
  })

  test('gives no machine scope, and nothing to another client', async () => {
    const { answer } = await linked()
    const form = { grant_type: 'refresh_token', refresh_token: answer.refresh_token ?? '' }
    expect((await token({ ...form, scope: 'usage:write' })).body).toMatchObject({ error: 'invalid_scope' })
    expect((await token(form, 'eleme')).body).toMatchObject({ error: 'invalid_grant' })
    const { body } = await token({ ...form, scope: 'link' })
    expect(decodeJwt(body.access_token)).toMatchObject({ scope: 'link' })
  })
})

describe('revocation', () => {
  const revoke = (value: string, id = 'youku', form: Record<string, string> = {}) =>
    world.post('/oauth/revoke', id, { token: value, ...form })

  test.each(['access_token', 'refresh_token'] as const)('of the %s ends the link', async kind => {
    const { answer, account } = await linked()
    const { status, body } = await revoke(answer[kind] ?? '')
    expect([status, body]).toEqual([200, {}])
    expect(await world.linksOf('youku', account)).toMatchObject([{ state: 'ended' }])
    expect((await refresh(answer.refresh_token)).body).toMatchObject({ error: 'invalid_grant' })
    expect((await revoke(answer.refresh_token ?? '')).status).toBe(200)
  })

  test('of what another client has, or nobody, changes nothing', async () => {
    const { answer, account } = await linked()
    expect((await revoke(answer.refresh_token ?? '', 'eleme')).status).toBe(200)
    expect((await revoke('nothing', 'youku', { token_type_hint: 'access_token' })).status).toBe(200)
    expect((await revoke(answer.access_token, 'eleme')).body).toMatchObject({ error: 'unsupported_token_type' })
    expect((await refresh(answer.refresh_token)).status).toBe(200)
    expect(await world.linksOf('youku', account)).toMatchObject([{ state: 'active' }])
  })

  test('leaves a link that was made since', async () => {
    const { answer, member, account } = await linked()
    await unlink(world, { member, programme: '88vip', partner: 'youku', reason: 'member' })
    const again = await codeFlow(world, { member })
    await again.redeem({ account })
    expect((await revoke(answer.refresh_token ?? '')).status).toBe(200)
    expect((await world.linksOf('youku', account)).map(({ state }) => state)).toEqual(['ended', 'active'])
  })

  test('needs the client', async () => {
    const answer = await fetch(`${world.issuer}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'x' }),
    })
    expect([400, 401]).toContain(answer.status)
  })
})

test.each(['/oauth/token', '/oauth/par', '/oauth/device-authorization', '/oauth/revoke'])(
  '%s takes forms of 16 KB at most, each parameter once',
  async path => {
    const twice = await world.post(path, 'youku', 'grant_type=client_credentials&token=x&token=y&account=a&account=b')
    expect([twice.status, twice.body]).toMatchObject([400, { error: 'invalid_request' }])
    const large = await world.post(path, 'youku', { token: 'x'.repeat(17_000) })
    expect([large.status, large.body]).toMatchObject([413, { error: 'invalid_request' }])
    const json = await fetch(world.issuer + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"token":"x"}',
    })
    expect([json.status, await json.json()]).toMatchObject([400, { error: 'invalid_request' }])
    expect((await world.post(path, 'nobody', { token: 'x', scope: 'link' })).status).toBe(401)
  },
)
