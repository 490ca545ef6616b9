import { describe, expect, it } from 'vitest'
import { applyContract, contractsOf, findContract } from '../../functions/contracts/apply-contract.ts'
import { overlaps } from '../../functions/contracts/overlap.ts'
import { etagOf } from '../../functions/kernel/refusal.ts'
import { type Contract, ContractDocument } from '../../schemas/contract.ts'
import { caller, membershipWorld, race } from '../memberships/world.ts'

const contract = (id: string, change: object = {}) =>
  ContractDocument.parse({
    id,
    programme: '88vip',
    payer: 'alibaba',
    payee: 'youku',
    currency: 'CNY',
    validFrom: '2026-01-01',
    validTo: '2026-12-31',
    taxRate: '0',
    lines: [{ id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.05' }],
    ...change,
  })
const flat = { lines: [{ id: 'fee', model: 'flat', fee: '3' }] }

describe('contracts that cover one benefit, direction and day', () => {
  it.each<[string, object, boolean]>([
    ['the same days', {}, true],
    ['a common last day', { validFrom: '2026-12-31', validTo: '2027-12-31' }, true],
    ['the day after', { validFrom: '2027-01-01', validTo: undefined }, false],
    ['for ever from before', { validFrom: '2020-01-01', validTo: undefined }, true],
    ['ending the day before', { validFrom: '2020-01-01', validTo: '2025-12-31' }, false],
    ['the other direction', { payer: 'youku', payee: 'alibaba' }, false],
    ['another payee', { payee: 'eleme' }, false],
    ['another benefit', { lines: [{ id: 'x', benefit: 'eleme-5off', model: 'per-use', unitPrice: '1' }] }, false],
    ['no benefit', flat, false],
    ['its own replacement', { id: 'first' }, false],
  ])('%s', (_, change, expected) => {
    const found = overlaps(contract('second', change), [contract('first') as unknown as Contract])
    expect(found.map(({ pointer }) => pointer)).toEqual(expected ? ['/lines/0/benefit'] : [])
  })
})

describe('applying contracts', () => {
  const world = async () => {
    const { needs } = await membershipWorld()
    return {
      needs,
      apply: (id: string, change: object = {}) => applyContract(needs, { caller, document: contract(id, change) }),
    }
  }

  it('refuses parties that nobody registered, each by its pointer', async () => {
    const { apply } = await world()
    const fundedBy = [
      { brand: 'alibaba', share: '0.5' },
      { brand: 'nobody', share: '0.5' },
    ]
    const lines = [{ id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '1', fundedBy }]
    await expect(apply('strangers', { payee: 'somebody', lines })).rejects.toMatchObject({
      code: 'invalid-document',
      errors: [{ pointer: '/payee' }, { pointer: '/lines/0/fundedBy/1/brand' }],
    })
  })

  it.each([
    ['taxRate', undefined],
    ['taxRate', '1.2'],
  ])('takes no contract with %s %s: a tax that is forgotten is money', (field, value) => {
    const { success } = ContractDocument.safeParse({ ...contract('x'), [field]: value })
    expect(success).toBe(false)
  })

  it('of ten rivals that overlap lets exactly one win', async () => {
    const { needs, apply } = await world()
    const { won, refused } = await race(Array.from({ length: 10 }, (_, n) => () => apply(`rival-${n}`)))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(Array.from({ length: 9 }, () => 'contract-overlap'))
    expect(await contractsOf(needs, '88vip')).toHaveLength(1)
  })

  it('of ten rivals that do not overlap loses none', async () => {
    const { needs, apply } = await world()
    const { refused } = await race(Array.from({ length: 10 }, (_, n) => () => apply(`fee-${n}`, flat)))
    expect(refused).toEqual([])
    expect(await contractsOf(needs, '88vip')).toHaveLength(10)
  })

  it('replaces one from a date on', async () => {
    const { apply } = await world()
    await apply('old', { validTo: undefined })
    await expect(apply('new', { validFrom: '2026-11-01' })).rejects.toMatchObject({ code: 'contract-overlap' })
    expect(await apply('old', { validTo: '2026-10-31' })).toMatchObject({ version: 2 })
    expect(await apply('new', { validFrom: '2026-11-01' })).toMatchObject({ version: 1 })
  })

  it('changes nothing when repeated, and minds If-Match', async () => {
    const { needs, apply } = await world()
    expect((await apply('a')).version).toBe(1)
    expect((await apply('a')).version).toBe(1)
    const changed = { caller, document: contract('a', { lateDays: 30 }) }
    await expect(applyContract(needs, { ...changed, ifMatch: etagOf(2) })).rejects.toMatchObject({
      code: 'version-mismatch',
    })
    expect((await applyContract(needs, { ...changed, ifMatch: etagOf(1) })).version).toBe(2)
  })

  it('is refused for what the programme lacks, to strangers, and under a taken id', async () => {
    const { needs, apply } = await world()
    const unknown = { lines: [...flat.lines, { id: 'x', benefit: 'tudou', model: 'per-use', unitPrice: '1' }] }
    await expect(apply('a', unknown)).rejects.toMatchObject({ errors: [{ pointer: '/lines/1/benefit' }] })
    const foreign = { caller: { brand: 'youku' }, document: contract('a') }
    await expect(applyContract(needs, foreign)).rejects.toMatchObject({ code: 'not-yours' })
    await expect(apply('a', { programme: 'gold' })).rejects.toMatchObject({ code: 'programme-not-found' })
    await expect(findContract(needs, 'a')).rejects.toMatchObject({ code: 'contract-not-found' })
  })

  it('keeps an id to one programme', async () => {
    const { needs, apply } = await membershipWorld()
    await apply({ id: 'gold' })
    const document = (programme: string) => ({ caller, document: contract('a', { programme }) })
    const { won, refused } = await race(['88vip', 'gold'].map(id => () => applyContract(needs, document(id))))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['not-yours'])
  })
})
