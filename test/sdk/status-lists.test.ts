import { describe, expect, test } from 'vitest'
import type { TokenRefused } from '../../sdk/index.ts'
import { NOW } from './issuer.ts'
import { down, INDEX, listAnswer, scene } from './status-scene.ts'

describe('a list', () => {
  test('is asked for once a ttl, however many tokens', async () => {
    const { state, verifier, requests, mint, verify } = scene()
    const codes = await Promise.all(Array.from({ length: 20 }, () => verify(mint())))
    expect(new Set(codes)).toEqual(new Set(['accepted']))
    expect((await verifier.verify(mint())).status).toBe('valid')
    state.now += 59
    expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(1)
    expect(requests[0]?.headers).toEqual({ accept: 'application/statuslist+jwt' })
    state.now += 1
    expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(2)
  })

  test('tells revoked from suspended, for remembered tokens too, and resumes', async () => {
    const { state, issuer, mint, verify } = scene()
    const token = mint()
    const later = async (status: 'valid' | 'invalid' | 'suspended') => {
      issuer.setStatus({ index: INDEX }, status)
      state.now += 60
      const code = await verify(token)
      // The second answer is of a remembered token by a list at hand.
      expect(await verify(token)).toBe(code)
      return code
    }
    expect(await verify(token)).toBe('accepted')
    expect(await later('suspended')).toBe('token-suspended')
    expect(await later('valid')).toBe('accepted')
    expect(await later('invalid')).toBe('token-revoked')
  })

  test('is not asked for when the token itself is refused, or names a list that is not ours', async () => {
    const { mint, verify, requests } = scene()
    expect(await verify(mint({ aud: 'eleme' }))).toBe('audience-mismatch')
    expect(await verify(mint({ status: undefined }))).toBe('status-missing')
    const foreign = [
      'https://tessera.example/status-lists/eleme/1',
      'https://tessera.example/status-lists/youku/01',
      'https://tessera.example/status-lists/youku/1/',
      'https://tessera.example/status-lists/youku/../eleme/1',
      'https://tessera.example/status-lists/youku/1?x',
      'https://tessera.example@attacker.example/status-lists/youku/1',
      'https://tessera.example.attacker.example/status-lists/youku/1',
      'http://tessera.example/status-lists/youku/1',
    ]
    for (const uri of foreign) {
      expect(await verify(mint({ status: { status_list: { idx: 1, uri } } })), uri).toBe('status-list-foreign')
    }
    expect(requests).toEqual([])
  })

  test('is kept by its ttl less its age, at most 300 s, and never past its exp', async () => {
    const kept = async (claims: Record<string, unknown>, headers: Record<string, string> = {}) => {
      const { state, issuer, verify, requests } = scene()
      state.answer = () => listAnswer(issuer.sign('status-list', claims), headers)
      expect(await verify()).toBe('accepted')
      while (requests.length === 1) {
        state.now += 1
        await verify()
      }
      return state.now - NOW
    }
    expect(await kept({ ttl: 20 })).toBe(20)
    expect(await kept({ ttl: 60 }, { age: '45' })).toBe(15)
    expect(await kept({ ttl: 60 }, { age: '90' })).toBe(1)
    expect(await kept({ ttl: 86_400 })).toBe(300)
    expect(await kept({ ttl: undefined })).toBe(300)
    expect(await kept({ ttl: 60, exp: NOW + 7 })).toBe(7)
  })

  test('that has not changed is not sent again', async () => {
    const { state, issuer, verify, requests } = scene()
    const token = issuer.sign('status-list', { exp: NOW + 100 })
    state.answer = () => listAnswer(token, { etag: '"v1"' })
    expect(await verify()).toBe('accepted')
    state.answer = () => new Response(null, { status: 304 })
    state.now += 60
    expect(await verify()).toBe('accepted')
    expect(requests.at(-1)?.headers).toMatchObject({ 'if-none-match': '"v1"' })
    // Not even "unchanged" lets a list outlive its exp, and then it is asked for in full.
    state.now = NOW + 100
    expect(await verify()).toBe('status-list-redirected')
    expect(requests.at(-1)?.headers).not.toHaveProperty('if-none-match')
  })

  test('that never comes runs into the timeout', async () => {
    const { state, verify } = scene({ limits: { timeoutMilliseconds: 20 } })
    state.answer = () => new Promise(() => undefined)
    expect(await verify()).toBe('status-list-timeout')
  })

  test('larger than the limit is not read, as sent or inflated', async () => {
    expect(await scene({ limits: { statusMaxBytes: 300 } }).verify()).toBe('status-list-too-large')
    expect(await scene({ limits: { statusMaxInflatedBytes: 65_535 } }).verify()).toBe('status-list-too-large')
    expect(await scene({ limits: { statusMaxInflatedBytes: 65_536 } }).verify()).toBe('accepted')
  })

  test('makes room for others when too many are held: the one unused for longest', async () => {
    const { issuer, mint, verify, requests } = scene({ limits: { statusMaxLists: 2 } })
    const of = (list: number) => {
      issuer.setStatus({ index: 0, list }, 'valid')
      return mint({ status: { status_list: { idx: 0, uri: issuer.listUri(list) } } })
    }
    const [first, second, third] = [of(1), of(2), of(3)]
    for (const token of [first, second, first, third, first]) expect(await verify(token)).toBe('accepted')
    expect(requests).toHaveLength(3)
    expect(await verify(second)).toBe('accepted')
    expect(requests).toHaveLength(4)
  })
})

describe('without a fresh list', () => {
  test('nothing passes, and trying later helps', async () => {
    const { state, verifier, mint, verify, requests } = scene()
    state.answer = down
    const refusal: TokenRefused = await verifier.verify(mint()).catch(error => error)
    expect(refusal).toMatchObject({ code: 'status-list-unavailable', temporary: true })
    expect(await verify()).toBe('status-list-unavailable')
    state.now += 4
    expect(await verify()).toBe('status-list-unavailable')
    expect(requests).toHaveLength(1)
    state.now += 1
    state.answer = undefined
    expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(2)
  })

  const two = [
    { id: 'ent_1', bid: 'youku-vip', st: 'active', vu: NOW + 86_400 },
    { id: 'ent_2', bid: 'youku-gifts', st: 'active', vu: NOW + 86_400 },
  ]

  test.each([false, true])('fail-open passes all, marked as stale (held before: %s)', async held => {
    const { state, verifier, mint } = scene({ onStaleStatus: 'fail-open' })
    const token = mint({ ent: two })
    if (held) expect((await verifier.verify(token)).status).toBe('valid')
    state.answer = down
    state.now += 60
    const entitled = await verifier.verify(token)
    expect(entitled.status).toBe('stale')
    expect(entitled.entitlements).toHaveLength(2)
    state.answer = undefined
    state.now += 60
    expect(await verifier.verify(token)).toMatchObject({ status: 'valid' })
  })

  test('a policy by benefit leaves the others out', async () => {
    const onStaleStatus = (benefit: string) => (benefit === 'youku-vip' ? 'fail-open' : 'fail-closed')
    const { state, verifier, mint, verify } = scene({ onStaleStatus })
    const token = mint({ ent: two })
    expect((await verifier.verify(token)).entitlements).toHaveLength(2)
    state.answer = down
    state.now += 60
    const entitled = await verifier.verify(token)
    expect(entitled.has('youku-vip')).toBe(true)
    expect(entitled.has('youku-gifts')).toBe(false)
    expect(entitled.status).toBe('stale')
    expect(await verify(mint({ ent: two.slice(1) }))).toBe('status-list-unavailable')
  })

  test('a stale list still refuses what it says is revoked or suspended, whatever the policy', async () => {
    const { state, issuer, mint, verify } = scene({ onStaleStatus: 'fail-open' })
    issuer.setStatus({ index: 1 }, 'invalid')
    issuer.setStatus({ index: 2 }, 'suspended')
    const at = (idx: number) => mint({ status: { status_list: { idx, uri: issuer.listUri() } } })
    expect(await verify(at(0))).toBe('accepted')
    state.answer = down
    state.now += 1000
    expect(await verify(at(0))).toBe('accepted')
    expect(await verify(at(1))).toBe('token-revoked')
    expect(await verify(at(2))).toBe('token-suspended')
    expect(await verify(at(2 ** 18))).toBe('status-index-out-of-range')
  })

  test('an older list does not replace the held one, which goes on refusing', async () => {
    const { state, issuer, mint, verify } = scene({ onStaleStatus: 'fail-open' })
    const token = mint()
    const old = issuer.sign('status-list', { iat: NOW - 100 })
    issuer.setStatus({ index: INDEX }, 'invalid')
    expect(await verify(token)).toBe('token-revoked')
    state.answer = () => listAnswer(old)
    state.now += 60
    expect(await verify(token)).toBe('token-revoked')
    state.now += 3600 - 160
    expect(await verify(token)).toBe('token-revoked')
  })

  test('an older list fails closed with a code of its own', async () => {
    const { state, issuer, verify } = scene()
    expect(await verify()).toBe('accepted')
    state.answer = () => listAnswer(issuer.sign('status-list', { iat: NOW - 1 }))
    state.now += 60
    expect(await verify()).toBe('status-list-replayed')
    // One of the same second is the same list or a newer one.
    state.answer = () => listAnswer(issuer.sign('status-list', { iat: NOW }))
    state.now += 5
    expect(await verify()).toBe('accepted')
  })

  test('what is wrong with a list is the cause, and the token is not blamed for it', async () => {
    const { state, issuer, verifier, mint } = scene()
    state.answer = () => listAnswer(issuer.sign('status-list', { iss: 'https://attacker.example' }))
    for (const attempt of [1, 2]) {
      const refusal = await verifier.verify(mint()).catch(error => error)
      expect(refusal, `${attempt}`).toMatchObject({ code: 'status-list-invalid', cause: { code: 'issuer-mismatch' } })
    }
  })

  test('a policy that is none is refused at set-up', () => {
    const onStaleStatus = 'open' as unknown as 'fail-open'
    expect(() => scene({ onStaleStatus })).toThrow(TypeError)
    expect(() => scene({ onStaleStatus, checkStatus: false })).toThrow(TypeError)
  })
})

test('without checkStatus no list is asked for, whatever it says', async () => {
  const { issuer, verifier, mint, requests } = scene({ checkStatus: false })
  issuer.setStatus({ index: INDEX }, 'invalid')
  expect((await verifier.verify(mint())).status).toBe('unchecked')
  expect(requests).toEqual([])
})
