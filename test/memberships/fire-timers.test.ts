import { describe, expect, it } from 'vitest'
import { fireDueTimers } from '../../functions/memberships/fire-timers.ts'
import { findMembershipRecord, membershipWrite } from '../../functions/memberships/records.ts'
import { membershipWorld, plan } from './world.ts'

const subjects = Array.from({ length: 12 }, (_, n) => `member-${n}`)
const sold = async () => {
  const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
  const ids: string[] = []
  for (const subject of subjects) ids.push((await world.sellTo(subject)).id)
  return { world, ids }
}

describe('due timers', () => {
  it('advance every membership once, also when several fire them at once', async () => {
    const { world, ids } = await sold()
    expect(await world.moveAndFire('2026-10-31T23:59:59Z')).toBe(0)
    world.moveTo('2026-11-05T00:00:00Z')
    await Promise.all([fireDueTimers(world.needs), fireDueTimers(world.needs), fireDueTimers(world.needs)])
    for (const id of ids)
      expect(await findMembershipRecord(world.table, id)).toMatchObject({
        state: 'ended',
        endedAt: '2026-11-01T00:00:00Z',
        version: 2,
      })
    expect(await fireDueTimers(world.needs)).toBe(0)
  })

  it('of a membership that cannot be advanced keep no other waiting', async () => {
    const { world, ids } = await sold()
    const [broken = '', ...others] = ids
    const record = await findMembershipRecord(world.table, broken)
    if (!record) throw new Error('no membership')
    await world.table.write(membershipWrite({ ...record, programmeVersion: 99 }, record))
    world.moveTo('2026-11-05T00:00:00Z')
    await expect(fireDueTimers(world.needs)).rejects.toMatchObject({
      name: 'AggregateError',
      errors: [{ code: 'programme-not-found' }],
    })
    for (const id of others) expect(await world.view(id)).toMatchObject({ state: 'ended' })
  })
})
