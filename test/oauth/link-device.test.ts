import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MemberId } from '../../schemas/ids.ts'
import { type LinkWorld, linkWorld } from './link-world.ts'

let world: LinkWorld
beforeAll(async () => {
  world = await linkWorld()
})
afterAll(async () => {
  await world.stop()
  expect(world.lines.filter(([, event]) => event === 'oauth-failed')).toEqual([])
})

let made = 0
async function fresh(): Promise<{ member: MemberId; account: string }> {
  const name = `person-${++made}`
  return { member: await world.memberOf(name), account: `y-${name}` }
}

const begin = async (form: Record<string, string> = {}) =>
  (await world.post('/oauth/device-authorization', 'youku', { scope: 'link', ...form })).body
const poll = (device_code: string, form: Record<string, string> = {}, id = 'youku') =>
  world.post('/oauth/token', id, { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code, ...form })
const errorOf = async (answer: ReturnType<typeof poll>) => (await answer).body.error

describe('a link that begins on a device', () => {
  test('is made when the device learns that the member agreed', async () => {
    const { member, account } = await fresh()
    const { flows } = world.authorization
    const configuration = await world.discover('fliggy')
    const started = await client.initiateDeviceAuthorization(configuration, { scope: 'link', account })
    expect(started).toMatchObject({
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${world.issuer}/device`,
      verification_uri_complete: `${world.issuer}/device?user_code=${started.user_code}`,
      expires_in: 600,
      interval: 5,
    })
    const spelt = started.user_code.toLowerCase().replace('-', ' ')
    const fullWidth = started.user_code.replace(/[A-Z]/g, letter => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
    expect(await flows.deviceAsked(fullWidth)).toMatchObject({ account })
    expect(await flows.deviceAsked(spelt)).toEqual({ partner: 'fliggy', client: 'fliggy', account })
    expect(await errorOf(poll(started.device_code, {}, 'fliggy'))).toBe('authorization_pending')
    expect(await flows.agreeDevice(spelt, { member, programme: '88vip' })).toBe(true)
    const answer = await client.pollDeviceAuthorizationGrant(configuration, { ...started, interval: 0.1 })
    const [link] = await world.linksOf('fliggy', account)
    expect(answer).toMatchObject({ link_id: link?.id, programme: '88vip', scope: 'link' })
    expect((await world.activityOf(member))[0]).toMatchObject({ action: 'linked', via: 'device' })
    expect(await errorOf(poll(started.device_code, {}, 'fliggy'))).toBe('invalid_grant')
    expect(await flows.deviceAsked(spelt)).toBeUndefined()
  })

  test('may name the account in the token request, but no other than before', async () => {
    const { member, account } = await fresh()
    const named = await begin({ account })
    await world.authorization.flows.agreeDevice(named.user_code, { member, programme: '88vip' })
    expect(await errorOf(poll(named.device_code, { account: 'y-other' }))).toBe('invalid_grant')
    expect((await poll(named.device_code, { account })).status).toBe(200)
    const unnamed = await begin()
    await world.authorization.flows.agreeDevice(unnamed.user_code, { member, programme: '88vip' })
    expect(await errorOf(poll(unnamed.device_code))).toBe('invalid_request')
    expect((await poll(unnamed.device_code, { account })).status).toBe(200)
    expect(await world.linksOf('youku', account)).toHaveLength(1)
  })

  test('is declined once, and then nobody can agree', async () => {
    const { member } = await fresh()
    const { flows } = world.authorization
    const { user_code, device_code } = await begin()
    expect(await flows.declineDevice(user_code)).toBe(true)
    expect(await flows.agreeDevice(user_code, { member, programme: '88vip' })).toBe(false)
    expect(await flows.declineDevice(user_code)).toBe(false)
    expect(await flows.deviceAsked(user_code)).toBeUndefined()
    expect(await errorOf(poll(device_code))).toBe('access_denied')
  })

  test('is answered by one of ten rivals', async () => {
    const { flows } = world.authorization
    const { user_code, device_code } = await begin()
    const rivals = await Promise.all(Array.from({ length: 10 }, fresh))
    const answers = await Promise.all([
      ...rivals.map(({ member }) => flows.agreeDevice(user_code, { member, programme: '88vip' })),
      flows.declineDevice(user_code),
    ])
    expect(answers.filter(Boolean)).toHaveLength(1)
    const winner = rivals[answers.indexOf(true)]
    const { status, body } = await poll(device_code, { account: 'y-of-rivals' })
    expect(winner ? status : body.error).toBe(winner ? 200 : 'access_denied')
    if (winner) expect((await world.activityOf(winner.member))[0]).toMatchObject({ action: 'linked' })
  })

  test('expires after ten minutes, for the member and the device', async () => {
    const { member } = await fresh()
    const { flows } = world.authorization
    const { user_code, device_code } = await begin()
    world.passWallTime(600)
    expect(await flows.deviceAsked(user_code)).toBeUndefined()
    expect(await flows.agreeDevice(user_code, { member, programme: '88vip' })).toBe(false)
    expect(await flows.declineDevice(user_code)).toBe(false)
    expect(await errorOf(poll(device_code))).toBe('expired_token')
    world.passWallTime(-600)
  })

  test('that the rules refuse is denied to the device, with the reason', async () => {
    const [first, second] = [await fresh(), await fresh()]
    for (const [{ member }, expected] of [
      [first, undefined],
      [second, 'access_denied'],
    ] as const) {
      const { user_code, device_code } = await begin({ account: 'y-of-both' })
      await world.authorization.flows.agreeDevice(user_code, { member, programme: '88vip' })
      expect(await errorOf(poll(device_code))).toBe(expected)
    }
    expect((await world.activityOf(second.member))[0]).toMatchObject({ action: 'link-refused', via: 'device' })
  })

  test.each(['', 'BCDF', 'BCDF-GHJK', 'x'.repeat(5000), '☃', '%00'])('is not found by a guess: %s', async guess => {
    const { flows } = world.authorization
    expect(await flows.deviceAsked(guess)).toBeUndefined()
    expect(await flows.declineDevice(guess)).toBe(false)
  })
})

describe('a device that polls', () => {
  test('too often is told to slow down, by five seconds more each time', async () => {
    const { device_code } = await begin()
    const steps: [number, string][] = [
      [0, 'authorization_pending'],
      [5, 'authorization_pending'],
      [1, 'slow_down'],
      [5, 'slow_down'],
      [15, 'authorization_pending'],
      [10, 'slow_down'],
      [20, 'authorization_pending'],
    ]
    let passed = 0
    for (const [seconds, error] of steps) {
      world.passWallTime(seconds)
      passed += seconds
      expect([passed, await errorOf(poll(device_code))]).toEqual([passed, error])
    }
    world.passWallTime(-passed)
  })

  test('ten times at once is told so nine times', async () => {
    const { device_code } = await begin()
    const answers = await Promise.all(Array.from({ length: 10 }, () => errorOf(poll(device_code))))
    expect(answers.toSorted()).toEqual(['authorization_pending', ...Array(9).fill('slow_down')])
  })

  test('for another client learns nothing and slows nobody', async () => {
    const { device_code } = await begin()
    for (let time = 0; time < 3; time++) expect(await errorOf(poll(device_code, {}, 'eleme'))).toBe('invalid_grant')
    expect(await errorOf(poll('unknown'))).toBe('invalid_grant')
    expect(await errorOf(poll(device_code))).toBe('authorization_pending')
  })
})

test.each<[Record<string, string>, string]>([
  [{ scope: 'usage:write' }, 'invalid_scope'],
  [{ scope: 'openid' }, 'invalid_scope'],
  [{ account: 'x'.repeat(256) }, 'invalid_request'],
  [{ programme: '88 VIP' }, 'invalid_request'],
  [{ resource: 'https://else.example' }, 'invalid_target'],
])('a device request %j is refused', async (form, error) => {
  expect(await begin(form)).toMatchObject({ error })
})

test('a client without a partner has no devices', async () => {
  const { status, body } = await world.post('/oauth/device-authorization', 'alibaba', { scope: 'link' })
  expect([status, body]).toMatchObject([400, { error: 'invalid_request' }])
})
