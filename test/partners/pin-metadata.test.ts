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
