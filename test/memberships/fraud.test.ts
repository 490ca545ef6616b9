import { describe, expect, it } from 'vitest'
import { activityOf } from '../../functions/links/activity.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { isSignedOut } from '../../functions/memberships/sign-out-everywhere.ts'
import { caller, entitlementsOf, identityIssuer, instant, membershipWorld } from './world.ts'

const lin = { issuer: identityIssuer, subject: 'lin' }
const before = { ...lin, startedAt: instant('2026-10-01T00:00:00Z') }
const after = { ...lin, startedAt: instant('2026-10-01T00:00:01Z') }

async function heldByLin() {
  const world = await membershipWorld()
  const { id } = await world.sellTo('lin')
  await world.link('lin', 'y-lin')
  const actions = async () => {
    const { items } = await activityOf(world.needs, (await world.memberOf('lin')).id)
    return items.map(({ action }) => action)
  }
  return { world, id, actions }
}

describe('membership fraud', () => {
  it('as the reason of a refund ends the membership as fraud and every session', async () => {
    const { world, id, actions } = await heldByLin()
    await world.act(id, 'refund', undefined, 'fraud')
    expect(await world.view(id)).toMatchObject({ state: 'ended', endedReason: 'fraud' })
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([{ state: 'revoked' }])
    expect(await isSignedOut(world.needs, before)).toBe(true)
    expect(await isSignedOut(world.needs, after)).toBe(false)
    expect(await isSignedOut(world.needs, { ...before, subject: 'wang' })).toBe(false)
    expect(await actions()).toContain('signed-out-everywhere')
    await world.act(id, 'refund', undefined, 'fraud')
    await expect(world.act(id, 'refund')).rejects.toMatchObject({ code: 'wrong-state' })
  })

  it('as the reason of a suspension pauses it, also when it was paused already', async () => {
    const { world, id } = await heldByLin()
    await world.act(id, 'suspend', undefined, 'late payment')
    expect(await isSignedOut(world.needs, before)).toBe(false)
    await world.act(id, 'suspend', undefined, 'fraud')
    expect(await world.view(id)).toMatchObject({ state: 'suspended' })
    expect(await isSignedOut(world.needs, before)).toBe(true)
  })

  it('is no reason that a renewal, cancellation or resumption ends sessions for', async () => {
    const { world, id } = await heldByLin()
    for (const verb of ['renew', 'resume', 'cancel'] as const) await world.act(id, verb, undefined, 'fraud')
    expect(await isSignedOut(world.needs, before)).toBe(false)
  })

  it('ends sessions with the membership or not at all', async () => {
    const { world, id } = await heldByLin()
    const table: typeof world.table = { ...world.table, commit: () => Promise.reject(new Error('killed')) }
    const request = { id, verb: 'refund', action: { reason: 'fraud' } } as const
    await expect(changeMembership({ ...world.needs, table }, caller, request)).rejects.toThrow('killed')
    expect(await isSignedOut(world.needs, before)).toBe(false)
    expect(await world.view(id)).toMatchObject({ state: 'active' })
  })
})
