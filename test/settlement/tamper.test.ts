import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptanceWrites, acceptedIn } from '../../functions/exceptions/accepted.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { confirmPayment } from '../../functions/settlement/confirm.ts'
import { paymentsOf } from '../../functions/settlement/payments.ts'
import { verifyPeriod } from '../../functions/settlement/verify.ts'
import { packLines, unpackLines } from '../../functions/usage/segments.ts'
import { AcceptedUse } from '../../schemas/disposition.ts'
import type { Day } from '../../schemas/primitives.ts'
import type { RawItem } from '../simulation/dump.ts'
import { changed, type Intruder, intruder } from './tampering.ts'
import { contractOf } from './terms.ts'
import { close, closingOf, contracts, newWorld, november, october, reportNovember, reportOctober } from './world.ts'

const text = (item: RawItem, name: string): string => item[name]?.S ?? item[name]?.N ?? ''
const part = (item: RawItem, index: number): string => text(item, 'sk').split('#')[index] ?? ''
const partnerOf = (item: RawItem): string => text(item, 'pk').split('#')[1] ?? ''

/** Whether an item belongs to the close of October. What November's close made is checked by November's verification. */
function isOfOctober(item: RawItem): boolean {
  const [pk, sk] = [text(item, 'pk'), text(item, 'sk')]
  if (pk === 'CLOSE#88vip#2026-10' || pk === 'ACCEPTED#88vip#2026-10') return true
  if (pk === 'CLOSES#88vip') return sk === '2026-10'
  if (pk.startsWith('STATEMENT#')) return octobers.has(pk)
  if (pk === 'LEDGER#88vip') return !/^(BLOCK|TRANSFER)#2026-11#/.test(sk)
  if (pk.startsWith('USAGE#')) return sk === 'HEAD' || received.has(sk)
  return pk.startsWith('CHUNKS#') && received.has(`BATCH#${pk.split('#')[2]}`)
}
/** Statements of October, and what was received up to its cuts: each partner's first batch. */
let octobers = new Set<string>()
let received = new Set<string>()

/** How verification names each kind of item. Whoever adds a kind to a closed period tells here what it is called. */
const names: Record<string, (item: RawItem) => string> = {
  close: () => 'close record of 2026-10',
  'closed-period': () => 'mark that 2026-10 is closed',
  'close-output': item => `output ${part(item, 2)}`,
  'usage-cut': item => `usage cut of ${part(item, 1)}`,
  'entitlement-history': item => `frozen history ${part(item, 1)}`,
  'final-dispositions': () => 'final disposition',
  'usage-head': item => `usage head of ${partnerOf(item)}`,
  'usage-manifest': item => `usage manifest ${Number(part(item, 1))} of ${partnerOf(item)}`,
  'usage-batch': item => `batch ${part(item, 1)} of ${partnerOf(item)}`,
  'usage-chunk': item => `batch ${text(item, 'pk').split('#')[2]} of ${partnerOf(item)}`,
  'accepted-use': item => `accepted uses of the exception ${part(item, 1)}`,
  'accepted-head': () => 'cutoff of the accepted uses',
  statement: item => `statement ${partnerOf(item)}`,
  'statement-page': item => `statement ${partnerOf(item)} (${text(item, 'sk')})`,
  'statement-party': item => `statement ${partnerOf(item)} (${text(item, 'sk')})`,
  'statement-token': item => `signature of statement ${partnerOf(item)}`,
  'ledger-block': item =>
    part(item, 1) === 'PAYMENT'
      ? `block ${Number(part(item, 2))} of the confirmed payments`
      : `ledger block ${Number(part(item, 3))} of`,
  transfer: item =>
    part(item, 1) === 'PAYMENT'
      ? `transfer ${Number(part(item, 2))} of the confirmed payments`
      : `transfer ${text(item, 'id')}`,
  balance: item => `balance ${part(item, 1)}`,
  'confirmed-payment': item => `confirmation of payment ${part(item, 2)}`,
  'payment-chain': () => 'end of the chain of confirmed payments',
}

/** Attributes that nothing is computed from and that may stand otherwise: another value of them, and why it is free. */
const free: Record<string, Record<string, { to: AttributeValue; because: string }>> = {
  close: {
    version: { to: { N: '99' }, because: 'counts the writes of the record' },
    requests: { to: { N: '99' }, because: 'counts how often somebody asked' },
    changedAt: { to: { S: '2027-01-01T00:00:00Z' }, because: 'tells when somebody last asked' },
    cutoffAt: { to: { S: '2026-10-31T16:00:00Z' }, because: 'a note of when; the cuts say what belongs to the close' },
  },
  'usage-head': { version: { to: { N: '99' }, because: 'counts the writes of the head' } },
  'accepted-head': { version: { to: { N: '99' }, because: 'counts the acceptances and the cutoff' } },
}

/** One close with every kind of item that a close has, and the close after it. */
async function settledWorld({ manyLines }: { manyLines: boolean }) {
  const world = await newWorld()
  // More lines than one page of a statement holds, of which nothing is due.
  const many = Array.from({ length: 50 }, (_, at) => ({ id: `fee-${at}`, model: 'flat' as const, fee: '0' }))
  const pages = Array.from({ length: manyLines ? 11 : 0 }, (_, at) =>
    contractOf({ id: `pages-${at}`, payer: 'youku', payee: 'eleme', lines: many }),
  )
  const settled = {
    ...world,
    contractsOf: async () => [...contracts, ...pages],
    acceptedIn: (programme: string, period: Parameters<typeof acceptedIn>[2]) => acceptedIn(world, programme, period),
  }
  await reportOctober(world)
  const { writes } = await acceptanceWrites(world, closingOf(october), () => [acceptedUse])
  await world.table.commit(writes)
  world.moveTo('2026-11-01T00:00:00Z')
  await close(settled, october)
  await reportNovember(world)
  const [record] = await closesOf(settled, '88vip')
  if (!record) throw new Error('no close')
  const due = (await paymentsOf(world.table, record)).find(({ state }) => state === 'due')
  if (!due) throw new Error('no payment is due')
  const confirmation = { paidOn: '2026-11-05' as Day, reference: 'end-to-end-1', amountMinor: due.netMinor }
  await confirmPayment(settled, { caller: { client: 'finance' }, ...closingOf(october), id: due.id, confirmation })
  world.moveTo('2026-12-01T00:00:00Z')
  await close(settled, november)
  return settled
}

const acceptedUse = AcceptedUse.parse({
  exception: 'exc_00000000000000000000000001',
  partner: 'youku',
  sequence: 1,
  line: 90,
  outcome: 'accepted',
  matched: {
    ...{
      entitlement: 'ent_00000000000000000000000003',
      benefit: 'youku-vip',
      subject: 'sub_00000000000000000000000003',
    },
    ...{ plan: 'annual', type: 'use', occurredAt: '2026-10-05T04:00:00Z', originPeriod: october, quantity: 1 },
    ...{ day: '2026-10-05', contracts: ['youku-2026'] },
  },
})

const kinds = Object.keys(names)
const worlds = [
  { of: 'a usual month', manyLines: false, kinds: kinds.filter(kind => kind !== 'statement-page') },
  { of: 'statements of several pages', manyLines: true, kinds: ['statement-page'] },
]
describe.each(worlds)(
  'tampering with a stored item of a closed period is found and named: $of',
  {
    timeout: 120_000,
  },
  ({ manyLines, kinds: own }) => {
    let world: Awaited<ReturnType<typeof settledWorld>>
    let there: Intruder
    let byKind: Map<string, RawItem[]>
    const differences = async (period = october) => (await verifyPeriod(world, closingOf(period))).differences
    const named = (found: string[], item: RawItem): boolean => {
      const name = names[text(item, 'itemKind')]?.(item) ?? 'a kind without a name'
      return found.some(difference => difference.includes(name))
    }
    const keyOf = (item: RawItem) => `${text(item, 'pk')} ${text(item, 'sk')}`

    beforeAll(async () => {
      world = await settledWorld({ manyLines })
      there = intruder(world.endpoint, world.tableName)
      const items = await there.items()
      const parties = items.filter(
        item => text(item, 'itemKind') === 'statement-party' && text(item, 'period') === october,
      )
      octobers = new Set(parties.map(item => text(item, 'pk')))
      const first = items.filter(item => /^USAGE#/.test(text(item, 'pk')) && text(item, 'sequence') === '1')
      received = new Set(first.flatMap(item => [`BATCH#${text(item, 'id')}`, 'MANIFEST#000000000001']))
      byKind = Map.groupBy(items.filter(isOfOctober), item => text(item, 'itemKind'))
    }, 60_000)
    afterAll(() => there?.end())

    /** Changes some items, verifies, and puts back what was there. */
    async function foundAfter(
      change: () => Promise<unknown>,
      before: RawItem[],
      forged: RawItem[] = [],
    ): Promise<string[]> {
      try {
        await change()
        return await differences()
      } finally {
        for (const item of forged) await there.remove(item)
        await there.put(before)
      }
    }

    test('untouched, both months are what their inputs give, and every kind of item is there', async () => {
      expect(await differences()).toEqual([])
      expect(await differences(november)).toEqual([])
      expect([...byKind.keys()].sort()).toEqual((manyLines ? kinds : own).toSorted())
      const { checked } = await verifyPeriod(world, closingOf(october))
      const statements = manyLines ? 5 : 4
      expect(checked).toEqual({
        ...{ batches: 2, lines: 6, finals: 6, statements, transfers: 10, blocks: 1 },
        signatures: statements + 2,
      })
    })

    test.each(own)('%s: each attribute, a forged attribute, a deletion, a forged item', async kind => {
      const items = byKind.get(kind) ?? []
      const attributes = new Set(items.flatMap(item => Object.keys(item)))
      for (const name of ['pk', 'sk', ...Object.keys(free[kind] ?? {})]) attributes.delete(name)
      for (const attribute of [...attributes, 'ttl', 'forged']) {
        const targets = items.filter(item => item[attribute] !== undefined || ['ttl', 'forged'].includes(attribute))
        const bad = targets.map(item => ({ ...item, [attribute]: changed(item[attribute] ?? { N: '4102444800' }) }))
        const rounds = [...Map.groupBy(bad, item => (hidesOthers(kind, item) ? keyOf(item) : '')).values()]
        for (const round of rounds) {
          const originals = items.filter(item => round.some(other => keyOf(other) === keyOf(item)))
          const found = await foundAfter(() => there.put(round), originals)
          const missed = round.filter(item => !named(found, originals.find(one => keyOf(one) === keyOf(item)) ?? item))
          expect(
            missed.map(item => `${keyOf(item)}: ${attribute}`),
            found.join('\n'),
          ).toEqual([])
        }
      }
      for (const item of [items[0], items.at(-1)]) {
        if (!item) throw new Error(`nothing of the kind ${kind}`)
        const gone = await foundAfter(() => there.remove(item), [item])
        expect(named(gone, item), `deleted ${keyOf(item)}: ${gone.join('\n')}`).toBe(true)
        const forged = forgedBeside(item)
        if (!forged) continue
        const found = await foundAfter(() => there.put([forged]), [item], [forged])
        const isTold = found.some(name => name.includes(text(forged, 'sk'))) || named(found, forged)
        expect(isTold, `forged ${keyOf(forged)}: ${found.join('\n')}`).toBe(true)
      }
      expect(await differences()).toEqual([])
    })

    test.each(Object.entries(manyLines ? {} : free))(
      '%s: what is free to change changes nothing',
      async (kind, attributes) => {
        for (const [name, { to }] of Object.entries(attributes)) {
          const items = byKind.get(kind) ?? []
          expect(await foundAfter(() => there.put(items.map(item => ({ ...item, [name]: to }))), items)).toEqual([])
        }
      },
    )

    const rewrites = [
      ['usage-chunk', (line: string) => line.replace('"quantity":2', '"quantity":3')],
      ['final-dispositions', (line: string) => line.replace('"2026-10",2,', '"2026-10",3,')],
      ['final-dispositions', (line: string) => line.replace(/\]$/, ',0]')],
      ['entitlement-history', (line: string) => line.replace('"plan":"annual"', '"plan":"monthly"')],
      ['accepted-use', (line: string) => line.replace('"quantity":1', '"quantity":2')],
    ] as const
    test.each(manyLines ? [] : rewrites)(
      '%s: a line that is rewritten within its packed bytes',
      async (kind, rewrite) => {
        let rewritten = 0
        for (const item of byKind.get(kind) ?? []) {
          const lines = unpackLines(item['data']?.B ?? new Uint8Array()).map(line => Buffer.from(line).toString())
          const others = lines.map(rewrite)
          if (others.join() === lines.join()) continue
          const [packed] = packLines(others.map(line => Buffer.from(line)))
          const bad = { ...item, data: { B: packed?.data ?? new Uint8Array() } }
          const found = await foundAfter(() => there.put([bad]), [item])
          expect(named(found, item), found.join('\n')).toBe(true)
          rewritten += 1
        }
        expect(rewritten).toBeGreaterThan(0)
        expect(await differences()).toEqual([])
      },
    )
  },
)

/** Of what others cannot be told without, such as the first final that differs, one is changed at a time. */
const hidesOthers = (kind: string, item: RawItem): boolean =>
  ['final-dispositions', 'entitlement-history'].includes(kind) || text(item, 'sk').split('#')[2] === 'inputs'

/** A copy under the next key of its kind, as somebody would slip it in; none where there is only one such key. */
function forgedBeside(item: RawItem): RawItem | undefined {
  const [pk, sk] = [text(item, 'pk'), text(item, 'sk')]
  const kind = text(item, 'itemKind')
  // Another close, another mark, another head: they would be of another period or partner, or have no meaning.
  if (['close', 'closed-period', 'usage-head', 'accepted-head', 'payment-chain'].includes(kind)) return undefined
  if (kind === 'statement' || kind === 'statement-token') return { ...item, sk: { S: `${sk}-2` } }
  const digits = /\d+$/.exec(sk)?.[0]
  const next = digits
    ? `${sk.slice(0, -digits.length)}${String(Number(digits) + 1000).padStart(digits.length, '0')}`
    : `${sk}x`
  return { ...item, pk: { S: pk }, sk: { S: next } }
}
