import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compactText, fromCompactText } from '../../functions/links/compact.ts'
import { findLinkRecord, linkWrite } from '../../functions/links/records.ts'
import { EntitlementState, LinkedEntitlement } from '../../schemas/entitlement.ts'
import { LinkRecord } from '../../schemas/link.ts'
import { freshTable } from '../support/table.ts'

const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ulid = fc
  .array(fc.constantFrom(...letters), { minLength: 26, maxLength: 26 })
  .map(characters => characters.join(''))
const instant = fc
  .tuple(fc.integer({ min: 0, max: 4e9 }), fc.boolean())
  .map(([seconds, whole]) => new Date(seconds * 1000 + (whole ? 0 : 250)).toISOString())
  .map(text => text.replace('.000Z', 'Z'))
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const entitlement = fc
  .record({
    id: ulid.map(text => `ent_${text}`),
    membership: ulid.map(text => `mbr_${text}`),
    benefit: fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/),
    kind: fc.constantFrom('access', 'allowance', 'discount', 'voucher', 'top-up'),
    state: fc.constantFrom(...EntitlementState.options),
    validFrom: instant,
    validUntil: instant,
    graceUntil: optional(instant),
    timeZone: fc.constantFrom('Asia/Shanghai', 'UTC', 'America/New_York'),
    limits: optional(fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.integer(), fc.boolean(), fc.string()))),
    quota: optional(
      fc.record({
        per: fc.constantFrom('P1D', 'P1M', 'P1Y'),
        limit: fc.integer({ min: 1, max: 1_000_000 }),
        rollover: fc.boolean(),
      }),
    ),
  })
  .map(record => LinkedEntitlement.parse(JSON.parse(JSON.stringify(record))))

test('the short text of entitlements gives them back as they were', () => {
  fc.assert(
    fc.property(fc.array(entitlement, { maxLength: 12 }), list => {
      expect(fromCompactText(compactText(list))).toEqual(list)
    }),
  )
})

const row = [
  '01K9ZQ4T7V8W2X3Y4Z5A6B7001',
  0,
  0,
  'youku-vip',
  0,
  2,
  '2026-01-01T00:00:00Z',
  '2027-01-01T00:00:00Z',
  0,
  0,
  0,
]
const changed = (index: number, value: unknown) => row.with(index, value as never)
const text = (one: unknown[], timeZones = ['UTC']) => JSON.stringify([['01K9ZQ4T7V8W2X3Y4Z5A6B7000'], timeZones, [one]])

test('a row is read strictly', () => {
  expect(fromCompactText(text(row))).toMatchObject([{ benefit: 'youku-vip', state: 'active', kind: 'access' }])
})

test.each<[string, string]>([
  ['no JSON', '[['],
  ['another shape', '{}'],
  ['a part more', text([...row, 0])],
  ['a part less', text(row.slice(1))],
  ['an id with its prefix', text(changed(0, 'ent_01K9ZQ4T7V8W2X3Y4Z5A6B7001'))],
  ['a membership that is not listed', text(changed(1, 1))],
  ['a time zone that is not listed', text(changed(2, 1))],
  ['a time zone that is none', text(row, ['Mars/Olympus'])],
  ['a kind that is none', text(changed(4, 5))],
  ['a state that is none', text(changed(5, 8))],
  ['half a state', text(changed(5, 1.5))],
  ['no instant', text(changed(6, '2026-01-01'))],
  ['a quota of nothing', text(changed(10, [1, 0, 0]))],
])('a text with %s is refused', (_, broken) => {
  expect(() => fromCompactText(broken)).toThrow()
})

test('a link is stored with one text, and the attributes that the stream is read by', async () => {
  const { table } = await freshTable()
  const [first] = fc.sample(fc.array(entitlement, { minLength: 1, maxLength: 1 }), 1)
  const link = LinkRecord.parse({
    id: 'lnk_01K9ZQ4T7V8W2X3Y4Z5A6B7000',
    programme: '88vip',
    partner: 'youku',
    member: 'mem_01K9ZQ4T7V8W2X3Y4Z5A6B7000',
    account: 'a',
    subject: 'sub_01K9ZQ4T7V8W2X3Y4Z5A6B7000',
    state: 'active',
    since: '2026-01-01T00:00:00Z',
    consentedAt: '2026-01-01T00:00:00Z',
    seq: 1,
    status: { list: 1, index: 5 },
    entitlements: first,
  })
  await table.write(linkWrite(link, undefined))
  expect(await findLinkRecord(table, link.id)).toEqual(link)
  const { Put } = linkWrite(link, undefined)('t')
  expect(Put?.Item).toMatchObject({ id: link.id, partner: 'youku', status: link.status, seq: 1 })
  expect(typeof Put?.Item?.['entitlements']).toBe('string')
})

test('what is no entitlement is not written', () => {
  const broken = { benefit: 'Not A Slug' } as unknown as LinkedEntitlement
  expect(() => compactText([broken])).toThrow()
})
