import { describe, expect, test } from 'vitest'
import { NOW } from './issuer.ts'
import { down, INDEX, listAnswer, scene } from './status-scene.ts'

const silent = () => Promise.reject(new Error('nobody answers'))

describe('a pause after a failed attempt', () => {
  test('begins when the attempt has ended', async () => {
    const { state, requests, verify } = scene({ onStaleStatus: 'fail-open' })
    state.answer = () => {
      state.now += 5
      return silent()
    }
    for (let times = 0; times < 5; times += 1) expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(1)
    state.now += 4
    expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(1)
    state.now += 1
    expect(await verify()).toBe('accepted')
    expect(requests).toHaveLength(2)
  })

  test('is not made longer by a clock that is set back', async () => {
    const { state, requests, mint, verify } = scene()
    state.answer = down
    expect(await verify()).toBe('status-list-unavailable')
    state.answer = undefined
    state.now -= 30
    expect(await verify(mint({ exp: NOW + 900 }))).toBe('accepted')
    expect(requests).toHaveLength(2)
  })
})

describe('a token that dies while its list is under way', () => {
  const slow = async (claims: Record<string, unknown>, seconds: number) => {
    const { state, verifier, mint } = scene({ onStaleStatus: 'fail-open' })
    const token = mint(claims)
    state.answer = () => {
      state.now += seconds
      return undefined
    }
    return await verifier.verify(token)
  }

  test('is refused, at its exp and not before', async () => {
    await expect(slow({ exp: NOW + 4 }, 3)).resolves.toMatchObject({ status: 'valid' })
    await expect(slow({ exp: NOW + 4 }, 4)).rejects.toMatchObject({ code: 'token-expired' })
  })

  test('loses what has ended', async () => {
    const ent = [
      { id: 'ent_1', bid: 'youku-vip', st: 'ending', vu: NOW + 2 },
      { id: 'ent_2', bid: 'youku-gifts', st: 'active', vu: NOW + 3600 },
    ]
    const entitled = await slow({ ent }, 4)
    expect(entitled.entitlements.map(({ id }) => id)).toEqual(['ent_2'])
    await expect(slow({ ent: ent.slice(0, 1) }, 4)).rejects.toMatchObject({ code: 'entitlements-ended' })
  })

  test('is not helped by a list that died on the way', async () => {
    const { state, issuer, verifier, mint } = scene()
    state.answer = () => {
      state.now += 4
      return listAnswer(issuer.sign('status-list', { iat: NOW, exp: NOW + 3 }))
    }
    await expect(verifier.verify(mint())).rejects.toMatchObject({ code: 'status-list-expired' })
  })
})

describe('room for lists', () => {
  const crowded = (statusMaxLists: number) => {
    const made = scene({ onStaleStatus: 'fail-open', limits: { statusMaxLists } })
    const of = (list: number) => {
      made.issuer.setStatus({ index: INDEX, list }, list === 1 ? 'invalid' : 'valid')
      return made.mint({ status: { status_list: { idx: INDEX, uri: made.issuer.listUri(list) } } })
    }
    const asked = (list: number) => made.requests.filter(({ url }) => url === made.issuer.listUri(list)).length
    return { ...made, of, asked }
  }

  test('is not made for lists that cannot be had: what one held refuses stays refused', async () => {
    const { state, verify, of, asked } = crowded(2)
    const revoked = of(1)
    const others = [2, 3, 4, 5].map(of)
    expect(await verify(revoked)).toBe('token-revoked')
    state.answer = down
    for (const other of others) expect(await verify(other)).toBe('accepted')
    expect(await verify(revoked)).toBe('token-revoked')
    state.now += 1000
    for (const other of others) expect(await verify(other)).toBe('accepted')
    expect(await verify(revoked)).toBe('token-revoked')
    expect(asked(1)).toBe(2)
  })

  test('is enough for the pauses of lists that cannot be had', async () => {
    const { state, verify, requests, of } = crowded(2)
    const tokens = [2, 3, 4].map(of)
    state.answer = down
    for (const token of [...tokens, ...tokens, ...tokens]) expect(await verify(token)).toBe('accepted')
    expect(requests).toHaveLength(3)
    for (const list of [5, 6, 7]) expect(await verify(of(list))).toBe('accepted')
    expect(await verify(tokens[0])).toBe('accepted')
    expect(requests).toHaveLength(7)
  })

  test('is not taken from a list that is under way', async () => {
    const { state, issuer, verify, of, asked } = crowded(1)
    const sent = Promise.withResolvers<undefined>()
    state.answer = url => (url === issuer.listUri(2) ? (sent.promise as Promise<never>) : undefined)
    const [second, third, fourth] = [2, 3, 4].map(of)
    const first = verify(second)
    expect(await verify(third)).toBe('accepted')
    expect(await verify(fourth)).toBe('accepted')
    const again = verify(second)
    sent.resolve(undefined)
    expect(await Promise.all([first, again])).toEqual(['accepted', 'accepted'])
    expect(asked(2)).toBe(1)
  })
})

describe('a list whose key is withdrawn', () => {
  const lasting = () => {
    const made = scene({ onStaleStatus: 'fail-open', limits: { statusMaxAgeSeconds: 3600 } })
    const { state, issuer } = made
    const { keys } = issuer.jwks()
    const withdraw = () => {
      state.keys = () => Response.json({ keys: keys.filter(({ purpose }) => purpose !== 'status-list') })
    }
    const forged = issuer.sign('status-list', { ttl: 3600, exp: NOW + 3600 })
    state.answer = () => listAnswer(forged, { etag: '"v1"' })
    return { ...made, withdraw }
  }

  test('is asked for anew once the keys have been, and in full', async () => {
    const { state, verifier, requests, mint, withdraw } = lasting()
    const token = mint()
    expect(await verifier.verify(token)).toMatchObject({ status: 'valid' })
    withdraw()
    state.now += 299
    expect(await verifier.verify(token)).toMatchObject({ status: 'valid' })
    expect(requests).toHaveLength(1)
    state.now += 1
    expect(await verifier.verify(token)).toMatchObject({ status: 'stale', staleReason: 'status-list-invalid' })
    expect(await verifier.verify(mint())).toMatchObject({ status: 'stale' })
    expect(requests).toHaveLength(2)
    expect(requests[1]?.headers).not.toHaveProperty('if-none-match')
    state.keys = undefined
    state.now += 300
    expect(await verifier.verify(token)).toMatchObject({ status: 'valid' })
  })

  test('refuses nobody any more', async () => {
    const { state, issuer, verify, withdraw } = lasting()
    issuer.setStatus({ index: INDEX }, 'invalid')
    const list = issuer.sign('status-list', { ttl: 3600, exp: NOW + 3600 })
    state.answer = () => listAnswer(list)
    expect(await verify()).toBe('token-revoked')
    withdraw()
    state.now += 300
    expect(await verify()).toBe('accepted')
  })

  test('is not kept on by the word that it has not changed', async () => {
    const { state, issuer, verifier, mint, verify, withdraw } = lasting()
    const list = issuer.sign('status-list', { ttl: 60, exp: NOW + 3600 })
    state.answer = () => listAnswer(list, { etag: '"v1"' })
    expect(await verifier.verify(mint())).toMatchObject({ status: 'valid' })
    state.now += 60
    state.answer = async () => {
      withdraw()
      expect(await verify(issuer.mint({}, { kid: 'made-up' }))).toBe('kid-unknown')
      return new Response(null, { status: 304 })
    }
    expect(await verifier.verify(mint())).toMatchObject({ status: 'stale', staleReason: 'status-list-invalid' })
  })
})
