import { expect, test } from 'vitest'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { canonicalJson } from '../../functions/kernel/canonical.ts'
import { eraseMember } from '../../functions/privacy/erase-member.ts'
import { runClose } from '../../functions/settlement/close.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { bodyOf, closeOctober, gatewayWorld, october, seedTerms, seedUse } from '../support/gateway.ts'

async function worldWithUse() {
  const world = await gatewayWorld()
  await seedTerms(world)
  const use = await seedUse(world)
  world.clock.moveTo('2026-11-02T00:00:00Z' as Instant)
  return { world, ...use }
}

test('an open period is settled after an erasure as it would have been before', async () => {
  const { world, link } = await worldWithUse()
  const preview = async () => {
    const answer = await world.call('alibaba', 'POST', `/v1/programmes/88vip/periods/${october}/preview`, {})
    const { dispositions, totals, statements } = await bodyOf<Record<string, unknown>>(answer)
    return canonicalJson({ dispositions, totals, statements })
  }
  const before = await preview()
  expect(before).toContain('"dispositions":{"matched":1}')
  expect(await eraseMember(world.services, link.member)).toEqual({ isDone: true })
  expect(await preview()).toBe(before)
})

test('a closed period still verifies after an erasure, and its statement is the same byte for byte', async () => {
  const { world, link, subject, account } = await worldWithUse()
  const { id } = await closeOctober(world)
  const statement = async () => (await world.call('alibaba', 'GET', `/v1/statements/${id}`)).text()
  const before = await statement()
  expect(before).toContain('"quantity":1')
  expect(await eraseMember(world.services, link.member)).toEqual({ isDone: true })
  expect(await statement()).toBe(before)
  // Closing again computes everything anew and compares: it throws where anything differs.
  const again = await runClose(settlementNeeds(world.services), { programme: '88vip', period: october })
  expect(again.state).toBe('published')
  for (const name of [subject, account]) expect(world.lines.join('\n')).not.toContain(name)
})
