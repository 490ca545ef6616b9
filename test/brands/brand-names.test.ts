import { beforeAll, expect, test } from 'vitest'
import { namesOfBrands } from '../../functions/brands/brand-names.ts'
import { statementNeeds } from '../../functions/gateway-needs.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, partnerDocument, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld
beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})

const register = async (client: string, id: string, name: string, brand = 'acme') =>
  bodyOf(await world.call(client, 'PUT', `/v1/partners/${id}`, { ...partnerDocument(id), name, brand }))
const nameOf = async (brand: string, operator = 'alibaba') =>
  (await namesOfBrands(world.services, { brands: [brand], operator })).get(brand)

test('a stranger’s registration names nobody, on pages and in documents', async () => {
  const statement = { programme: '88vip', debtor: 'acme', creditor: 'youku' } as Statement
  await register('jd', 'acme', 'Not Acme')
  expect(await nameOf('acme')).toBe(undefined)
  expect(await statementNeeds(world.services).namesOf(statement)).not.toHaveProperty('debtor')
  // Where jd is the operator, its word counts.
  expect(await nameOf('acme', 'jd')).toBe('Not Acme')
})

test('a platform that the operator registered for the brand names it, and before that the brand’s own entry', async () => {
  await register('alibaba', 'acme-shop', 'Acme Shop')
  expect(await nameOf('acme')).toBe('Acme Shop')
  expect([await nameOf('alibaba'), await nameOf('alibaba', 'jd')]).toEqual(['Alibaba', 'Alibaba'])
  await register('jd', 'alibaba-too', 'Not Alibaba', 'alibaba')
  expect(await nameOf('alibaba', 'jd')).toBe('Alibaba')
})

test('a platform that has the brand’s id names it in each language, whatever its entry is called', async () => {
  const name = { 'zh-CN': '优酷', en: 'Youku' }
  await bodyOf(await world.call('alibaba', 'PUT', '/v1/partners/youku', { ...partnerDocument('youku'), name }))
  expect(await nameOf('youku')).toEqual(name)
})
