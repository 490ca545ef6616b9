import { describe, expect, it } from 'vitest'
import { requirePinned } from '../../functions/partners/pin-metadata.ts'
import { membershipWorld, race } from '../memberships/world.ts'

const unavailable = { name: 'Refusal', code: 'partner-unavailable' }
const found = (change: object = {}) => ({
  issuer: 'https://youku.example',
  authorization_endpoint: 'https://youku.example/authorize?tenant=1',
  token_endpoint: 'https://youku.example/token',
  jwks_uri: 'https://youku.example/jwks',
  authorization_response_iss_parameter_supported: true,
  // What nobody is led by may change.
  service_documentation: 'https://youku.example/docs',
  ...change,
})

async function pinning() {
  const { needs } = await membershipWorld()
  const told: unknown[] = []
  const log = (_level: string, event: string, fields?: object) => told.push([event, fields])
  const pin = (metadata: Record<string, unknown>, version = 1) =>
    requirePinned({ ...needs, log }, { id: 'youku', version }, metadata)
  return { pin, told }
}

describe('metadata of a partner', () => {
  it('are trusted once, and then must say the same', async () => {
    const { pin, told } = await pinning()
    await pin(found())
    await pin(found({ service_documentation: 'https://elsewhere.example' }))
    await expect(pin(found({ token_endpoint: 'https://evil.example' }))).rejects.toMatchObject(unavailable)
    expect(told).toEqual([['partner-metadata-changed', { partner: 'youku', fields: ['token_endpoint'] }]])
    await pin(found())
  })

  it('are pinned anew with the next registration, which the one before cannot undo', async () => {
    const { pin } = await pinning()
    await pin(found())
    await pin(found({ token_endpoint: 'https://youku.example/v2/token' }), 2)
    await expect(pin(found(), 2)).rejects.toMatchObject(unavailable)
    await expect(pin(found(), 1)).rejects.toMatchObject(unavailable)
  })

  it('of rivals that found different ones, one is pinned and the others are refused', async () => {
    const { pin } = await pinning()
    const hosts = ['a', 'b', 'c', 'd']
    const { won, refused } = await race(
      hosts.map(host => () => pin(found({ token_endpoint: `https://${host}.example/token` })).then(() => host)),
    )
    expect([won.length, refused]).toEqual([1, Array(3).fill('partner-unavailable')])
  })

  const added = ['pushed_authorization_request_endpoint', 'revocation_endpoint', 'userinfo_endpoint']
  const pinned = found({ token_endpoint: 'https://token.youku.example/token', jwks_uri: 'https://static.example/jwks' })

  it.each(added)('may get a %s where members, codes or credentials go already', async name => {
    const { pin, told } = await pinning()
    await pin(pinned)
    for (const origin of ['https://token.youku.example', 'https://youku.example'])
      await pin({ ...pinned, [name]: `${origin}/added` })
    // It may go again, since it was never pinned.
    await pin(pinned)
    expect(told).toEqual([])
  })

  it.each(added)('may get no %s elsewhere', async name => {
    const { pin, told } = await pinning()
    await pin(pinned)
    for (const origin of ['https://evil.example', 'https://static.example', 'https://youku.example:8443'])
      await expect(pin({ ...pinned, [name]: `${origin}/added` })).rejects.toMatchObject(unavailable)
    expect(told).toEqual(Array(3).fill(['partner-metadata-changed', { partner: 'youku', fields: [name] }]))
  })

  it('may neither move nor lose an endpoint that is pinned, not even within its origin', async () => {
    const { pin } = await pinning()
    const whole = { ...pinned, revocation_endpoint: 'https://youku.example/revoke' }
    await pin(whole)
    for (const change of ['https://youku.example/other', undefined])
      await expect(pin({ ...whole, revocation_endpoint: change })).rejects.toMatchObject(unavailable)
    await expect(pin({ ...whole, token_endpoint: 'https://youku.example/token' })).rejects.toMatchObject(unavailable)
  })

  it.each([
    ['no issuer', { issuer: undefined }],
    ['no keys', { jwks_uri: undefined }],
    ['another scheme', { token_endpoint: 'ftp://youku.example/token' }],
    ['a user', { userinfo_endpoint: 'https://me:pw@youku.example/userinfo' }],
    ['a fragment', { authorization_endpoint: 'https://youku.example/authorize#x' }],
    ['a policy in its host', { authorization_endpoint: 'https://a;script-src/authorize' }],
    ['a promise that is none', { authorization_response_iss_parameter_supported: 'yes' }],
  ])('with %s are not taken', async (_name, change) => {
    const { pin, told } = await pinning()
    await expect(pin(found(change))).rejects.toMatchObject(unavailable)
    expect(told).toMatchObject([['partner-metadata-unusable', { partner: 'youku' }]])
    await pin(found())
  })
})
