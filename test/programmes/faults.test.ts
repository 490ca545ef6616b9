import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { programmeFaults } from '../../functions/programmes/faults.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { benefit, plan, programmeDocument } from '../memberships/world.ts'

const partners = new Set(['youku', 'eleme', 'xiami', 'fliggy'])
const pointers = (change: object) => {
  const { timeZone = 'Asia/Shanghai', ...rest } = change as Partial<ProgrammeDocument>
  const document = { ...programmeDocument(rest), timeZone }
  return programmeFaults(document, partners).map(({ pointer }) => pointer)
}
const priced = (price: object, rule: object) =>
  plan({ price, priceRules: [{ when: { attribute: 'x', atLeast: 1 }, price: rule }] })
const cny = { amountMinor: 1, currency: 'CNY' }
const usd = { amountMinor: 1, currency: 'USD' }
const many = (count: number, partner: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => benefit(`benefit-${index}`, partner(index)))

describe('faults of a programme document', () => {
  it.each<[string, object, string[]]>([
    ['none', {}, []],
    ['an unknown partner', { benefits: [benefit('a', 'youku'), benefit('b', 'tudou')] }, ['/benefits/1/partner']],
    ['two benefits of one id', { benefits: [benefit('a', 'youku'), benefit('a', 'eleme')] }, ['/benefits/1/id']],
    [
      'three of one id',
      { benefits: [benefit('a', 'youku'), benefit('a', 'youku'), benefit('a', 'youku')] },
      ['/benefits/1/id', '/benefits/2/id'],
    ],
    ['two plans of one id', { plans: [plan(), plan()] }, ['/plans/1/id']],
    [
      'two groups of one id',
      {
        choiceGroups: [
          { id: 'g', choose: 1 },
          { id: 'g', choose: 1 },
        ],
        benefits: [benefit('a', 'youku', { choiceGroup: 'g' })],
      },
      ['/choiceGroups/1/id'],
    ],
    ['a group nobody uses', { choiceGroups: [{ id: 'g', choose: 1 }] }, ['/choiceGroups/0']],
    [
      'a group that is not there',
      { benefits: [benefit('a', 'youku', { choiceGroup: 'g' })] },
      ['/benefits/0/choiceGroup'],
    ],
    ['a price in another currency', { plans: [priced(usd, cny)] }, ['/plans/0/price/currency']],
    ['a rule in another currency', { plans: [priced(cny, usd)] }, ['/plans/0/priceRules/0/price/currency']],
    [
      'a quota of no allowance',
      { benefits: [benefit('a', 'youku', { quota: { per: 'P1D', limit: 1 } })] },
      ['/benefits/0/quota'],
    ],
    ['a bad time zone', { timeZone: 'Asia/Atlantis' }, ['/timeZone']],
    ['an offset for a time zone', { timeZone: '+08:00' }, ['/timeZone']],
    ['a term of nothing', { plans: [plan({ term: 'P0D' })] }, ['/plans/0/term']],
    ['more than one transaction can write', { benefits: many(50, index => `p-${index % 21}`) }, ['/benefits']],
    ['more than one unlinking can write', { benefits: many(46, () => 'youku') }, ['/benefits']],
    ['as much as a transaction can write', { benefits: many(45, () => 'youku') }, []],
  ])('%s', (_, change, expected) => {
    const found = pointers(change)
    expect(found.filter(pointer => !/partner$/.test(pointer) || expected.includes(pointer))).toEqual(expected)
  })

  it('are all named at once', () => {
    const document = {
      timeZone: 'Mars/Olympus',
      plans: [priced(usd, usd)],
      choiceGroups: [{ id: 'g', choose: 1 }],
      benefits: [benefit('a', 'tudou'), benefit('a', 'youku')],
    }
    expect(pointers(document).sort()).toEqual([
      '/benefits/0/partner',
      '/benefits/1/id',
      '/choiceGroups/0',
      '/plans/0/price/currency',
      '/plans/0/priceRules/0/price/currency',
      '/timeZone',
    ])
  })

  it('are none in the examples', () => {
    const text = readFileSync(new URL('../../schemas/programmes/88vip.json', import.meta.url), 'utf8')
    expect(programmeFaults(ProgrammeDocument.parse(JSON.parse(text)), partners)).toEqual([])
  })
})

it('numbers that the table cannot hold are refused by the shape', () => {
  for (const streams of [1e300, 1e-200, 2 ** 53])
    expect(() => programmeDocument({ benefits: [benefit('a', 'youku', { limits: { streams } })] })).toThrow(/1e-12/)
})
