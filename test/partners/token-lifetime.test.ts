import { describe, expect, it } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { tokenTtlSeconds } from '../../functions/partners/token-lifetime.ts'
import { partnerDocument } from '../memberships/world.ts'
import { gatewayWorld } from '../support/gateway.ts'

/** A table of one instance of the gateway, with its reads counted. */
async function world() {
  const { services, clock } = await gatewayWorld()
  const register = (id: string, seconds: number) =>
    registerPartner(services, {
      caller: { brand: 'alibaba' },
      document: partnerDocument(id, { tokenTtlSeconds: seconds }),
    })
  let reads = 0
  let isDown = false
  const instance = (): Table => ({
    ...services.table,
    getMany: async (...asked) => {
      reads += 1
      if (isDown) throw new Error('the table is away')
      return services.table.getMany(...asked)
    },
  })
  const ask = (table: Table, partner: string) => tokenTtlSeconds({ table, now: clock.now }, partner)
  return {
    register,
    instance,
    ask,
    reads: () => reads,
    fail: (down: boolean) => {
      isDown = down
    },
  }
}

describe('the lifetime of a partner’s tokens', () => {
  it('is read once for all who ask at the same time, and held for each partner and instance', async () => {
    const { register, instance, ask, reads } = await world()
    await register('youku', 120)
    await register('eleme', 600)
    const [one, two] = [instance(), instance()]
    expect(await Promise.all(Array.from({ length: 20 }, () => ask(one, 'youku')))).toEqual(Array(20).fill(120))
    expect(reads()).toBe(1)
    expect(await ask(one, 'eleme')).toBe(600)
    await register('youku', 300)
    expect([await ask(one, 'youku'), await ask(two, 'youku')]).toEqual([120, 300])
    expect(reads()).toBe(3)
  })

  it('is the usual one for a partner that is not registered, and none while it cannot be read', async () => {
    const { instance, ask, fail } = await world()
    const table = instance()
    fail(true)
    await expect(ask(table, 'youku')).rejects.toThrow('away')
    fail(false)
    expect(await ask(table, 'youku')).toBe(900)
  })
})
