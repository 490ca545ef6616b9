import { beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { drawStatusIndex } from '../../functions/tokens/draw-status-index.ts'
import type { Problem } from '../../schemas/problem.ts'
import { bodyOf, gatewayWorld, partnerDocument } from '../support/gateway.ts'

let world: Awaited<ReturnType<typeof gatewayWorld>>
const path = '/status-lists/youku/1'
const get = (at = path, headers: Record<string, string> = {}, method = 'GET') =>
  world.call(undefined, method, at, undefined, headers)

beforeAll(async () => {
  world = await gatewayWorld()
  for (const id of ['youku', 'eleme'])
    await bodyOf(await world.call('alibaba', 'PUT', `/v1/partners/${id}`, partnerDocument(id)))
  await drawStatusIndex({ table: world.services.table, random: systemRandom }, 'youku')
})

describe('GET /status-lists/{partner}/{n}', () => {
  test('needs no access token, and may be kept for a short while', async () => {
    const answer = await get()
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/statuslist+jwt')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=15')
    expect(await answer.text()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('answers whoever asks for another form with this one', async () => {
    const answer = await get(path, { accept: 'application/statuslist+cwt' })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/statuslist+jwt'])
  })

  test('answers 304 to whoever holds it', async () => {
    const etag = (await get()).headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
    for (const held of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await get(path, { 'if-none-match': held })
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag])
      expect(again.headers.get('cache-control')).toBe('public, max-age=15')
    }
    expect((await get(path, { 'if-none-match': '"other"' })).status).toBe(200)
  })

  test('answers HEAD as GET, without the body', async () => {
    const [whole, head] = [await get(), await get(path, {}, 'HEAD')]
    expect([head.status, await head.text()]).toEqual([200, ''])
    for (const name of ['etag', 'content-type', 'cache-control'])
      expect(head.headers.get(name)).toBe(whole.headers.get(name))
  })

  test.each([
    '/status-lists/youku/2',
    '/status-lists/youku/0',
    '/status-lists/youku/01',
    '/status-lists/youku/+1',
    '/status-lists/youku/-1',
    '/status-lists/youku/1.0',
    '/status-lists/youku/1e0',
    '/status-lists/youku/%201',
    '/status-lists/youku/%31%0a',
    '/status-lists/youku/1000000',
    '/status-lists/youku/99999999999999999999',
    `/status-lists/youku/${'9'.repeat(127)}`,
    '/status-lists/youku/one',
    '/status-lists/youku/__proto__',
    '/status-lists/eleme/1',
    '/status-lists/nobody/1',
    '/status-lists/YOUKU/1',
    '/status-lists/you%23ku/1',
    '/status-lists/youku%231/1',
    `/status-lists/${'a'.repeat(100)}/1`,
  ])('has no list at %s', async at => {
    const answer = await get(at)
    const { code } = await bodyOf<Problem>(answer, 404)
    expect(code).toBe('status-list-not-found')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test.each(['POST', 'PUT', 'DELETE'])('takes no %s', async method => {
    const answer = await get(path, {}, method)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})
