import type * as z from 'zod'
import type { BrandDocument } from '../../schemas/brand.ts'
import type { Scope } from '../../schemas/client.ts'
import type { ContractDocument } from '../../schemas/contract.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import programmeJson from '../../schemas/programmes/88vip.json' with { type: 'json' }
import type { Display } from './pages.ts'

/** What `npm start` shows: one programme, four partners, their contracts and clients. Names as in `http-api.md`. */
export const programme = ProgrammeDocument.parse(programmeJson)

export type DemoPartner = {
  id: string
  category: string
  port: number
  display: Display
  /** How the gateway authenticates there; with a secret unless given. */
  clientAuthentication?: 'private_key_jwt'
}
export const partners: DemoPartner[] = [
  {
    id: 'youku',
    category: 'video',
    port: 8791,
    display: { id: 'youku', name: { 'zh-CN': '优酷', en: 'Youku' }, colour: '#1d4ed8' },
  },
  {
    id: 'xiami',
    category: 'music',
    port: 8792,
    display: { id: 'xiami', name: { 'zh-CN': '虾米音乐', en: 'Xiami Music' }, colour: '#c2410c' },
    clientAuthentication: 'private_key_jwt',
  },
  {
    id: 'eleme',
    category: 'food',
    port: 8793,
    display: { id: 'eleme', name: { 'zh-CN': '饿了么', en: 'Ele.me' }, colour: '#0369a1' },
  },
  {
    id: 'fliggy',
    category: 'travel',
    port: 8794,
    display: { id: 'fliggy', name: { 'zh-CN': '飞猪', en: 'Fliggy' }, colour: '#a16207' },
  },
]

export const identityDisplay: Display = {
  id: 'identity',
  name: { 'zh-CN': '演示身份中心', en: 'Demo identity provider' },
  colour: '#4338ca',
}
export const identityPort = 8788

/** Staff and the two members who hold seeded memberships; any other login works and holds nothing. */
export const people = new Map([
  ['lin', { name: '林小雨' }],
  ['wang', { name: '王大明' }],
  ['operator', { name: 'Operator', roles: ['operator'] }],
  ['finance', { name: 'Finance', roles: ['finance'] }],
])
export const password = 'demo'

const partnerScopes: Scope[] = ['entitlements:read', 'usage:write', 'redemptions:write', 'settlements:read']
const brandScopes: Scope[] = [
  'programmes:write',
  'memberships:write',
  'partners:write',
  'contracts:write',
  'keys:write',
  'finance:read',
  'finance:write',
]
/** Machine clients; the secret is `<client id>-secret`, which is for the demo only. */
export const clients = [
  { id: programme.brand, brand: programme.brand, scopes: brandScopes },
  ...partners.map(({ id }) => ({ id, brand: id, partner: id, scopes: partnerScopes })),
]
export const clientSecret = (id: string): string => `${id}-secret`
export const relyingParty = { id: 'tessera', secretAt: (provider: string) => `tessera-${provider}-secret` }

const terms = { programme: '88vip', payer: 'alibaba', currency: 'CNY', validFrom: '2026-01-01', lateDays: 60 }
type ContractInput = z.input<typeof ContractDocument>
/** One contract a partner, so that every rating model is seen at work. */
export const contracts: ContractInput[] = [
  {
    ...terms,
    id: 'youku-2026',
    payee: 'youku',
    taxRate: '0.06',
    minimum: '200',
    maximum: '900000',
    lines: [
      { id: 'active', benefit: 'youku-vip', model: 'per-active-member', unitPrice: '6.5' },
      {
        id: 'views',
        benefit: 'youku-vip',
        model: 'per-use',
        tiers: { mode: 'graduated', steps: [{ upTo: 100, unitPrice: '0.05' }, { unitPrice: '0.03' }] },
      },
    ],
  },
  {
    ...terms,
    id: 'xiami-2026',
    payee: 'xiami',
    taxRate: '0.06',
    lines: [{ id: 'platform', model: 'flat', benefit: 'xiami-vip', fee: '88' }],
  },
  {
    ...terms,
    id: 'eleme-2026',
    payee: 'eleme',
    taxRate: '0.06',
    lines: [
      { id: 'share', benefit: 'eleme-5off', model: 'revenue-share', share: '0.08' },
      {
        id: 'coupon',
        benefit: 'eleme-5off',
        model: 'per-use',
        unitPrice: '5',
        fundedBy: [
          { brand: 'alibaba', share: '0.6' },
          { brand: 'eleme', share: '0.4' },
        ],
      },
    ],
  },
  {
    ...terms,
    id: 'fliggy-2026',
    payee: 'fliggy',
    taxRate: '0',
    lines: [
      {
        id: 'stays',
        benefit: 'fliggy-gold',
        model: 'per-use',
        tiers: { mode: 'volume', steps: [{ upTo: 20, unitPrice: '3' }, { unitPrice: '2.4' }] },
      },
    ],
  },
]

/** Accounts within China have no IBAN; banks and numbers are made up. */
const account = (name: string, accountId: string, bic: string): BrandDocument['settlementAccount'] => ({
  name,
  accountId,
  bic,
})
/** Where the brands are paid; alibaba, whose contracts name the others, registers them all. */
export const brands: BrandDocument[] = [
  {
    id: 'alibaba',
    name: 'Alibaba',
    settlementAccount: account('Alibaba Demo Co., Ltd.', '6200880000000000011', 'DEMOCNSH'),
  },
  { id: 'youku', name: 'Youku', settlementAccount: account('Youku Demo Co., Ltd.', '6200880000000000029', 'DEMOCNBJ') },
  {
    id: 'xiami',
    name: 'Xiami Music',
    settlementAccount: account('Xiami Demo Co., Ltd.', '6200880000000000037', 'DEMOCNSH'),
  },
  {
    id: 'eleme',
    name: 'Ele.me',
    settlementAccount: account('Ele.me Demo Co., Ltd.', '6200880000000000045', 'DEMOCNSHXXX'),
  },
  {
    id: 'fliggy',
    name: 'Fliggy',
    settlementAccount: account('Fliggy Demo Co., Ltd.', '6200880000000000052', 'DEMOCNSZ'),
  },
]
