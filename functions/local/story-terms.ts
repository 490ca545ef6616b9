import { NotAsExpected } from './story-client.ts'

/** The programme that the story applies: two partners, an allowance, and one benefit that no contract covers. */
export const storyProgramme = (id: string) => ({
  id,
  brand: 'alibaba',
  name: { 'zh-CN': '故事会员', en: 'Story membership' },
  currency: 'CNY',
  timeZone: 'Asia/Shanghai',
  plans: [
    {
      id: 'monthly',
      term: 'P3M',
      price: { amountMinor: 2500, currency: 'CNY' },
      priceRules: [
        { when: { attribute: 'naughtyScore', atLeast: 1000 }, price: { amountMinor: 1500, currency: 'CNY' } },
      ],
    },
  ],
  benefits: [
    benefit('youku-vip', 'youku', 'access', 'video'),
    { ...benefit('eleme-5off', 'eleme', 'allowance', 'food'), quota: { per: 'P1M', limit: 4, rollover: false } },
    benefit('eleme-tea', 'eleme', 'access', 'food'),
  ],
})

const benefit = (id: string, partner: string, kind: string, category: string) => ({
  id,
  partner,
  kind,
  category,
  linkRequired: true,
  name: { 'zh-CN': id, en: id },
})

/** Between them the two contracts use every model, tier mode, funding, minimum and tax of the first issue. */
export const storyContracts = (programme: string) => {
  const terms = { programme, payer: 'alibaba', currency: 'CNY', validFrom: '2026-01-01' }
  return [
    {
      ...terms,
      id: `${programme}-youku`,
      payee: 'youku',
      taxRate: '0.06',
      minimum: '20',
      lines: [
        { id: 'active', benefit: 'youku-vip', model: 'per-active-member', unitPrice: '6.5' },
        {
          id: 'views',
          benefit: 'youku-vip',
          model: 'per-use',
          tiers: { mode: 'graduated', steps: [{ upTo: 10, unitPrice: '0.05' }, { unitPrice: '0.03' }] },
        },
      ],
    },
    {
      ...terms,
      id: `${programme}-eleme`,
      payee: 'eleme',
      taxRate: '0.06',
      lines: [
        { id: 'share', benefit: 'eleme-5off', model: 'revenue-share', share: '0.0825' },
        {
          id: 'coupon',
          benefit: 'eleme-5off',
          model: 'per-use',
          tiers: { mode: 'volume', steps: [{ upTo: 2, unitPrice: '5' }, { unitPrice: '4.5' }] },
          fundedBy: [
            { brand: 'alibaba', share: '0.6' },
            { brand: 'eleme', share: '0.4' },
          ],
        },
        { id: 'platform', model: 'flat', fee: '12' },
      ],
    },
  ]
}

export type StoryToken = { sub: string; entitlements: Map<string, string> }
type Line = Record<string, unknown> | string

/**
 * A usage file with every kind of line, and the disposition domain.md gives each.
 * @param at instants: `live` inside the entitlement, `before` the link, `future`, `old` past every deadline
 */
export function everyKindOfLine(token: StoryToken, at: { live: Date; before: Date; future: Date; old: Date }) {
  const entitlement = (id: string) => token.entitlements.get(id) ?? fail(id)
  const use = (id: string, minutes: number, more: Record<string, unknown> = {}) => ({
    id,
    entitlementId: entitlement('eleme-5off'),
    benefit: 'eleme-5off',
    subject: token.sub,
    occurredAt: instant(new Date(at.live.getTime() + minutes * 60_000)),
    amount: { amountMinor: 3333, currency: 'CNY' },
    ...more,
  })
  const tag = token.sub.slice(-10)
  const rows: [string, Line][] = [
    ['matched', use(`${tag}-1`, 1)],
    ['matched', use(`${tag}-2`, 2)],
    ['matched', use(`${tag}-3`, 3)],
    ['duplicate', use(`${tag}-1`, 1)],
    ['conflict', use(`${tag}-2`, 2, { quantity: 2 })],
    ['malformed', '{"id": "cut-off'],
    ['malformed', { ...use(`${tag}-4`, 4), quantitty: 2 }],
    ['future', use(`${tag}-5`, 0, { occurredAt: instant(at.future) })],
    ['too-late', use(`${tag}-6`, 0, { occurredAt: instant(at.old) })],
    ['unknown-entitlement', use(`${tag}-7`, 5, { entitlementId: 'ent_00000000000000000000000000' })],
    ['wrong-subject', use(`${tag}-8`, 6, { subject: 'sub_00000000000000000000000000' })],
    ['outside-entitlement', use(`${tag}-9`, 0, { occurredAt: instant(at.before) })],
    ['over-quota', use(`${tag}-10`, 7, { quantity: 2 })],
    ['matched', use(`${tag}-11`, 8)],
    ['over-quota', use(`${tag}-12`, 9)],
    ['no-contract', use(`${tag}-13`, 10, { entitlementId: entitlement('eleme-tea'), benefit: 'eleme-tea' })],
    ['matched', use(`${tag}-14`, 11, { type: 'reversal', reverses: `${tag}-3` })],
    ['currency-mismatch', use(`${tag}-15`, 12, { amount: { amountMinor: 99, currency: 'USD' } })],
  ]
  return {
    dispositions: rows.map(([disposition]) => disposition),
    body: `${rows.map(([, line]) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')}\n`,
  }
}

export const instant = (date: Date): string => date.toISOString().replace(/\.\d{3}Z$/, 'Z')

function fail(benefit: string): never {
  throw new NotAsExpected(`the token carries no ${benefit}`)
}
