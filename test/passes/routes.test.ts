import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { completeLink } from '../../functions/links/complete-link.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { PassRedemption } from '../../schemas/pass.ts'
import type { Problem } from '../../schemas/problem.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, sale, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld
let show: () => ReturnType<typeof issuePass>
beforeEach(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  const sold = await bodyOf<MembershipView>(
    await world.call('alibaba', 'POST', '/v1/memberships', sale('person-at-the-till')),
    201,
  )
  const request = { member: sold.member.id, programme: '88vip', partner: 'eleme' } as const
  const link = await completeLink(world.services, { ...request, account: 'account-at-the-till' })
  world.confidential.add(link.subject)
  show = async () => {
    const pass = await issuePass(world.services, request)
    world.confidential.add(pass.token)
    return pass
  }
})

const redeem = (body: unknown, client: string | undefined = 'eleme', headers: Record<string, string> = {}) =>
  world.call(client, 'POST', '/v1/passes/redeem', body, headers)
const problemOf = async (answer: Response) => {
  const { status, code, detail } = (await answer.json()) as Problem
  return { status, code, detail }
}

/** Tokens and secrets that a log line holds. */
const leaked = () => [...world.confidential].filter(secret => world.lines.some(line => line.includes(secret)))
afterEach(() => expect(leaked()).toEqual([]))

describe('POST /v1/passes/redeem', () => {
  it('redeems once, and answers a repetition as the first time', async () => {
    const { token, id: pass } = await show()
    const first = await bodyOf<PassRedemption>(await redeem({ id: 'till-7:17', token }), 201)
    expect(first).toMatchObject({ id: 'till-7:17', pass, entitlements: [{ bid: 'eleme-5off' }] })
    expect(await bodyOf(await redeem({ id: 'till-7:17', token }), 201)).toEqual(first)
    expect(await bodyOf(await redeem({ id: 'till-7:17', token }, 'eleme', { 'idempotency-key': 'k' }), 201)).toEqual(
      first,
    )
    const again = await problemOf(await redeem({ id: 'till-8:1', token }))
    expect(again).toMatchObject({ status: 409, code: 'pass-already-redeemed' })
    expect(again.detail).toContain(first.redeemedAt)
  })

  it('of tills at the same time exactly one gets 201', async () => {
    const { token } = await show()
    const answers = await Promise.all(Array.from({ length: 6 }, (_, till) => redeem({ id: `till-${till}`, token })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409, 409])
  })

  it('is for the partner of the pass, with the scope', async () => {
    const { token } = await show()
    const body = { id: 'till-1', token }
    expect(await problemOf(await redeem(body, 'youku'))).toMatchObject({ status: 403, code: 'not-yours' })
    expect(await problemOf(await redeem(body, 'alibaba'))).toMatchObject({ status: 403, code: 'insufficient-scope' })
    // The outsider has every scope and is no partner.
    expect(await problemOf(await redeem(body, 'jd'))).toMatchObject({ status: 403, code: 'not-yours' })
    const answer = await world.request({
      method: 'POST',
      path: '/v1/passes/redeem',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(answer.status).toBe(401)
    expect((await redeem(body)).status).toBe(201)
  })

  it.each<[unknown, number, string]>([
    [{ id: 'till-1' }, 400, 'invalid-request'],
    [{ token: 'x' }, 400, 'invalid-request'],
    [{ id: 'till-1', token: 'x', amount: 1 }, 400, 'invalid-request'],
    [{ id: '', token: 'x' }, 400, 'invalid-request'],
    [{ id: 'till 1', token: 'x' }, 400, 'invalid-request'],
    [{ id: 'x'.repeat(129), token: 'x' }, 400, 'invalid-request'],
    [{ id: 'till-1', token: '' }, 400, 'invalid-request'],
    [{ id: 'till-1', token: 'x'.repeat(8193) }, 400, 'invalid-request'],
    [{ id: 'till-1', token: '\ud800' }, 400, 'invalid-request'],
    [{ id: 'till-1', token: ['x'] }, 400, 'invalid-request'],
    [{ id: 'till-1', token: 'x'.repeat(8192) }, 404, 'pass-not-found'],
    [{ id: 'till-1', token: 'https://pay.example/?code=281' }, 404, 'pass-not-found'],
    ['{', 400, 'invalid-json'],
  ])('refuses %j', async (body, status, code) => {
    const answer = await redeem(body, 'eleme', { 'content-type': 'application/json' })
    expect(await problemOf(answer)).toMatchObject({ status, code })
  })

  it('stands in the OpenAPI document with its problems', async () => {
    const document = await bodyOf<{ paths: Record<string, { post?: { responses: object; security: unknown[] } }> }>(
      await world.call(undefined, 'GET', '/openapi.json'),
    )
    const described = document.paths['/v1/passes/redeem']?.post
    expect(described?.security).toEqual([{ oauth: ['redemptions:write'] }])
    const text = JSON.stringify(described?.responses)
    for (const code of ['pass-not-found', 'not-yours', 'pass-expired', 'pass-already-redeemed', 'nothing-entitled'])
      expect(text).toContain(code)
  })
})
