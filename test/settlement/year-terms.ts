import { ContractDocument } from '../../schemas/contract.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'

/**
 * Two programmes that share four partners: one in a zone without daylight saving and in CNY, one in a zone with it, in
 * KWD (three digits) and JPY (none).
 */
export const programmes = {
  plus: ProgrammeDocument.parse({
    id: 'plus',
    brand: 'alibaba',
    name: { en: 'Plus' },
    currency: 'CNY',
    timeZone: 'Asia/Shanghai',
    plans: [{ id: 'annual', term: 'P1Y', price: { amountMinor: 88_800, currency: 'CNY' } }],
    benefits: [
      benefit('youku', 'plus-video'),
      benefit('xiami', 'plus-music'),
      benefit('eleme', 'plus-meal', { kind: 'allowance', quota: { per: 'P1M', limit: 3 } }),
      benefit('fliggy', 'plus-stay'),
    ],
  }),
  nord: ProgrammeDocument.parse({
    id: 'nord',
    brand: 'nordbank',
    name: { en: 'Nord' },
    currency: 'KWD',
    timeZone: 'Europe/Berlin',
    plans: [{ id: 'annual', term: 'P1Y', price: { amountMinor: 9_000, currency: 'KWD' } }],
    benefits: [
      benefit('youku', 'nord-video'),
      benefit('xiami', 'nord-music'),
      benefit('eleme', 'nord-meal'),
      benefit('fliggy', 'nord-stay'),
    ],
  }),
}
export type ProgrammeName = keyof typeof programmes
export const programmeNames = ['plus', 'nord'] as const
export const partners = ['eleme', 'fliggy', 'xiami', 'youku'] as const
export type Partner = (typeof partners)[number]

/** In which currency events of a benefit tell their amounts. */
export const currencyOf: Record<string, string> = {
  'plus-video': 'CNY',
  'plus-music': 'CNY',
  'plus-meal': 'CNY',
  'plus-stay': 'CNY',
  'nord-video': 'KWD',
  'nord-music': 'JPY',
  'nord-meal': 'KWD',
  'nord-stay': 'JPY',
}

function benefit(partner: string, id: string, more: object = {}) {
  return { id, partner, kind: 'access', category: 'general', linkRequired: true, name: { en: id }, ...more }
}

const year = { validFrom: '2026-01-01', validTo: '2026-12-31' }
const plus = { ...year, programme: 'plus', payer: 'alibaba', currency: 'CNY' }
const nord = { ...year, programme: 'nord', payer: 'nordbank', currency: 'KWD' }
const line = (id: string, benefitId: string, model: string, terms: object) => ({
  id,
  benefit: benefitId,
  model,
  ...terms,
})
const tiers = (mode: 'graduated' | 'volume', ...steps: [number | undefined, string][]) => ({
  tiers: { mode, steps: steps.map(([upTo, unitPrice]) => ({ ...(upTo !== undefined && { upTo }), unitPrice })) },
})
const funded = (shares: Record<string, string>) => ({
  fundedBy: Object.entries(shares).map(([brand, share]) => ({ brand, share })),
})

/** `from`: the month from whose beginning on an operator applies it, in the order in which they stand here. */
export type Applied = { from: number; document: ContractDocument }
const applied = (from: number, document: object): Applied => ({ from, document: ContractDocument.parse(document) })

/** Video of the first months; it is replaced within May. */
const videoSpring = {
  ...plus,
  id: 'plus-youku-a',
  payee: 'youku',
  taxRate: '0.06',
  minimum: '40',
  maximum: '95.55',
  paymentThreshold: '55',
  lines: [
    line('active', 'plus-video', 'per-active-member', { unitPrice: '6.5' }),
    line('views', 'plus-video', 'per-use', tiers('graduated', [40, '0.1155'], [90, '0.0721'], [undefined, '0.0303'])),
  ],
}

export const contracts: Applied[] = [
  applied(0, { ...videoSpring, validTo: undefined }),
  applied(0, {
    ...plus,
    id: 'plus-youku-back',
    payer: 'youku',
    payee: 'alibaba',
    taxRate: '0.13',
    lines: [line('commission', 'plus-video', 'revenue-share', { share: '0.0375' })],
  }),
  applied(0, {
    ...plus,
    id: 'plus-xiami',
    payee: 'xiami',
    taxRate: '0.0333',
    minimum: '25.005',
    paymentThreshold: '60',
    lines: [
      { id: 'platform', model: 'flat', fee: '9.995' },
      line('plays', 'plus-music', 'per-use', { unitPrice: '0.0443' }),
      line('seats', 'plus-music', 'per-entitled-member', tiers('graduated', [5, '0.335'], [undefined, '0.2115'])),
    ],
  }),
  applied(0, {
    ...plus,
    id: 'plus-eleme',
    payee: 'eleme',
    taxRate: '0.06',
    maximum: '70',
    lines: [
      line('share', 'plus-meal', 'revenue-share', { share: '0.0825' }),
      line('coupon', 'plus-meal', 'per-use', {
        unitPrice: '4.77',
        ...funded({ alibaba: '0.333', eleme: '0.4', fliggy: '0.267' }),
      }),
    ],
  }),
  applied(0, {
    ...plus,
    id: 'plus-fliggy-a',
    payee: 'fliggy',
    taxRate: '0',
    validTo: '2026-09-30',
    lines: [
      line('stays', 'plus-stay', 'per-use', tiers('volume', [70, '0.305'], [110, '0.2405'], [undefined, '0.1995'])),
      line('guests', 'plus-stay', 'per-active-member', tiers('volume', [4, '1.105'], [undefined, '0.985'])),
    ],
  }),
  // Between two partners: what one's members use at the other.
  applied(0, {
    ...plus,
    id: 'plus-eleme-fliggy',
    payer: 'eleme',
    payee: 'fliggy',
    taxRate: '0.06',
    lines: [
      line('promotion', 'plus-stay', 'per-use', {
        unitPrice: '0.1117',
        ...funded({ eleme: '0.5', xiami: '0.25', youku: '0.25' }),
      }),
    ],
  }),
  applied(0, {
    ...nord,
    id: 'nord-youku',
    payee: 'youku',
    taxRate: '0.05',
    minimum: '1.2345',
    lines: [
      line('views', 'nord-video', 'per-use', { unitPrice: '0.01255' }),
      line('active', 'nord-video', 'per-active-member', tiers('graduated', [3, '0.1005'], [undefined, '0.0715'])),
    ],
  }),
  applied(0, {
    ...nord,
    id: 'nord-xiami',
    payee: 'xiami',
    currency: 'JPY',
    taxRate: '0.1',
    paymentThreshold: '1500',
    lines: [
      {
        id: 'access',
        model: 'flat',
        benefit: 'nord-music',
        unitPrice: '333.5',
        ...funded({ nordbank: '0.7', eleme: '0.3' }),
      },
      line('plays', 'nord-music', 'per-use', { unitPrice: '1.5' }),
      line('seats', 'nord-music', 'per-entitled-member', tiers('volume', [6, '12.5'], [undefined, '9.75'])),
    ],
  }),
  applied(0, {
    ...nord,
    id: 'nord-eleme',
    payee: 'eleme',
    taxRate: '0.0725',
    lines: [
      line('share', 'nord-meal', 'revenue-share', {
        share: '0.0775',
        ...funded({ nordbank: '0.333333', eleme: '0.333333', youku: '0.333334' }),
      }),
      line('orders', 'nord-meal', 'per-use', { unitPrice: '0.0205' }),
    ],
  }),
  // The partner owes the programme's brand, from February on: what was used before has no contract.
  applied(0, {
    ...nord,
    id: 'nord-fliggy',
    payer: 'fliggy',
    payee: 'nordbank',
    currency: 'JPY',
    taxRate: '0.1',
    validFrom: '2026-02-01',
    maximum: '900',
    lines: [
      line('leads', 'nord-stay', 'per-use', tiers('graduated', [50, '7.25'], [undefined, '5.5'])),
      line('commission', 'nord-stay', 'revenue-share', { share: '0.015' }),
    ],
  }),
  applied(4, { ...videoSpring, validTo: '2026-05-17' }),
  applied(4, {
    ...plus,
    id: 'plus-youku-b',
    payee: 'youku',
    taxRate: '0.0633',
    validFrom: '2026-05-18',
    maximum: '140',
    paymentThreshold: '45',
    lines: [
      line('active', 'plus-video', 'per-active-member', {
        unitPrice: '5.335',
        ...funded({ alibaba: '0.75', youku: '0.25' }),
      }),
      line('views', 'plus-video', 'per-use', tiers('graduated', [25, '0.2005'], [undefined, '0.0455'])),
      line('seats', 'plus-video', 'per-entitled-member', { unitPrice: '0.105' }),
    ],
  }),
  applied(8, {
    ...plus,
    id: 'plus-fliggy-b',
    payee: 'fliggy',
    taxRate: '0.03',
    validFrom: '2026-10-01',
    lines: [line('stays', 'plus-stay', 'per-use', { unitPrice: '0.2115' })],
  }),
]

/** As they stand at the end of the year: what the oracle reads. */
export const lastContracts = [...new Map(contracts.map(({ document }) => [document.id, document])).values()]
