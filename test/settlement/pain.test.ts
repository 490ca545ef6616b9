import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { validateXML } from 'xmllint-wasm'
import { type CreditTransfer, controlSum, endToEndIdOf, painXml } from '../../functions/reports/pain.ts'
import { confirmPayment } from '../../functions/settlement/confirm.ts'
import { paymentsOf, publishedClose } from '../../functions/settlement/payments.ts'
import { paymentsFile } from '../../functions/settlement/payments-file.ts'
import { SettlementAccount } from '../../schemas/brand.ts'
import type { Day } from '../../schemas/primitives.ts'
import { accountOf, closedOctober, feeOf, register } from './payments-world.ts'
import { closingOf, october } from './world.ts'

const closing = closingOf(october)
type World = Awaited<ReturnType<typeof closedOctober>>

/** Text of the elements of a name, wherever they are: enough for a file whose structure the schema has checked. */
const texts = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => text)
const parts = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>[\\s\\S]*?</${name}>`, 'g'))].map(([part]) => part)
/** The names of the elements in their order, runs of the same transaction counted once. */
const outline = (xml: string): string[] => [...xml.matchAll(/<([A-Za-z]+)[ >]/g)].map(([, name = '']) => name)

const schemaFile = fileURLToPath(new URL('../../../shared/vectors/iso20022/pain.001.001.09.xsd', import.meta.url))
if (!existsSync(schemaFile)) console.warn('SKIPPED: no pain.001.001.09.xsd at ../shared/vectors/iso20022')
const faultsOf = async (xml: string): Promise<string[]> => {
  const schema = { fileName: 'pain.xsd', contents: readFileSync(schemaFile, 'utf8') }
  const { valid, errors, rawOutput } = await validateXML({ xml: { fileName: 'pain.xml', contents: xml }, schema })
  return valid ? [] : [...errors.map(({ message }) => message), ...(errors.length === 0 ? [rawOutput] : [])]
}

const fees = [
  feeOf('alibaba', 'youku', '1234.50', { taxRate: '0.19' }),
  feeOf('alibaba', 'eleme', '0.07'),
  feeOf('fliggy', 'eleme', '10'),
]

describe('the payments of a EUR programme', () => {
  let world: World
  let xml: string

  beforeAll(async () => {
    world = await closedOctober(fees)
    for (const brand of ['alibaba', 'youku', 'eleme']) await register(world, brand)
    await register(world, 'fliggy', accountOf('fliggy', { bic: 'WESTGB22XXX' }))
    xml = (await paymentsFile(world, closing)).xml
  })

  test.skipIf(!existsSync(schemaFile))('are valid by the schema of SEPA credit transfers', async () => {
    expect(await faultsOf(xml)).toEqual([])
  })

  test.skipIf(!existsSync(schemaFile))('the schema does find faults', async () => {
    expect(await faultsOf(xml.replace(/<EndToEndId>/, '<EndToEndId>0123456789'))).not.toEqual([])
    expect(await faultsOf(xml.replace('<PmtMtd>TRF', '<PmtMtd>CHK'))).not.toEqual([])
    expect(await faultsOf(xml.replace('10.00', '10.001'))).not.toEqual([])
  })

  test('one payment information a debtor, each with its own count and control sum', () => {
    const informations = parts(xml, 'PmtInf')
    const seen = informations.map(information => ({
      debtor: texts(information, 'Nm')[0],
      count: texts(information, 'NbOfTxs'),
      sum: texts(information, 'CtrlSum'),
      amounts: texts(information, 'InstdAmt'),
    }))
    expect(seen).toEqual([
      { debtor: 'alibaba Ltd.', count: ['2'], sum: ['1469.13'], amounts: ['0.07', '1469.06'] },
      { debtor: 'fliggy Ltd.', count: ['1'], sum: ['10.00'], amounts: ['10.00'] },
    ])
    const [header = ''] = parts(xml, 'GrpHdr')
    expect([texts(header, 'NbOfTxs'), texts(header, 'CtrlSum')]).toEqual([['3'], ['1479.13']])
  })

  test('ids of transfers are the payments’, and accounts and banks those of the brands', async () => {
    const { close } = await publishedClose(world, closing)
    const due = await paymentsOf(world.table, close)
    expect(texts(xml, 'EndToEndId').sort()).toEqual(due.map(({ id }) => endToEndIdOf(id)).sort())
    expect(texts(xml, 'InstrId')).toEqual(texts(xml, 'EndToEndId'))
    expect(texts(xml, 'EndToEndId').every(id => id.length <= 35)).toBe(true)
    expect(texts(xml, 'IBAN')).toEqual([
      'DE89370400440532013000',
      'NL91ABNA0417164300',
      'FR1420041010050500013M02606',
      'GB82WEST12345698765432',
      'NL91ABNA0417164300',
    ])
    expect(texts(xml, 'BICFI')).toEqual(['WESTGB22XXX'])
    expect(texts(xml, 'Ustrd')[0]).toBe('88vip 2026-10 net settlement')
    // The account's own currency is the bank's to know.
    expect(parts(xml, 'DbtrAcct').join()).not.toContain('Ccy')
  })

  test('every text is of the characters that all banks read, and no id begins or ends with a slash', () => {
    expectReadable(xml)
  })

  test('the day to pay on is today unless a later one is asked for', async () => {
    const daysIn = (file: { xml: string }) => [...new Set(texts(file.xml, 'Dt'))]
    expect([texts(xml, 'CreDtTm'), daysIn({ xml })]).toEqual([['2026-11-02T00:00:00'], ['2026-11-02']])
    world.moveTo('2026-11-02T15:00:00Z')
    expect((await paymentsFile(world, closing)).xml).toBe(xml)
    // In Shanghai, where the programme is, it is the sixth already.
    world.moveTo('2026-11-05T16:00:00Z')
    const asked = (executionDate?: string) => paymentsFile(world, { ...closing, executionDate: executionDate as Day })
    expect(daysIn(await asked())).toEqual(['2026-11-06'])
    expect(daysIn(await asked('2026-11-06'))).toEqual(['2026-11-06'])
    expect(daysIn(await asked('2027-11-06'))).toEqual(['2027-11-06'])
    for (const day of ['2026-11-05', '2026-11-02', '2027-11-07', '9999-12-31'])
      await expect(asked(day)).rejects.toMatchObject({
        code: 'invalid-request',
        errors: [{ pointer: '/executionDate', detail: 'a day from today, 2026-11-06, to 2027-11-06' }],
      })
  })

  test('the same payments have the same ids, whenever and under whatever names they are asked for', async () => {
    const again = await paymentsFile(world, { ...closing, executionDate: '2026-11-09' as Day })
    await register(world, 'youku', accountOf('youku', { name: 'Youku (renamed)' }))
    const renamed = await paymentsFile(world, { ...closing, currency: 'EUR' })
    expect(renamed.xml).toContain('Youku (renamed)')
    for (const other of [again, renamed]) expect(idsOf(other.xml)).toEqual(idsOf(xml))
    await register(world, 'youku', accountOf('youku', { iban: 'DE75512108001245126199' }))
    const moved = await paymentsFile(world, closing)
    const changed = (name: string) => texts(moved.xml, name).map((id, at) => id !== texts(xml, name)[at])
    // The message and the payment information that pays youku, and no other.
    expect([changed('MsgId'), changed('PmtInfId'), changed('InstrId')]).toEqual([
      [true],
      [true, false],
      [false, false, false],
    ])
    await register(world, 'youku')
  })

  test('of one debtor alone, with accounts of none but those that it pays', async () => {
    const sparse = await closedOctober(fees)
    for (const brand of ['fliggy', 'eleme']) await register(sparse, brand)
    const fliggys = await paymentsFile(sparse, { ...closing, debtor: 'fliggy' })
    expect(fliggys.name).toBe('88vip-2026-10-payments-fliggy.xml')
    expect([texts(fliggys.xml, 'NbOfTxs'), texts(fliggys.xml, 'InstdAmt')]).toEqual([['1', '1'], ['10.00']])
    expect(texts(parts(fliggys.xml, 'GrpHdr')[0] ?? '', 'Nm')).toEqual(['alibaba'])
    await expect(paymentsFile(sparse, closing)).rejects.toMatchObject({ code: 'settlement-account-missing' })
    await expect(paymentsFile(sparse, { ...closing, debtor: 'eleme', currency: 'EUR' })).rejects.toMatchObject({
      code: 'payment-not-due',
      message: expect.stringContaining('no payment of 2026-10 of eleme in EUR'),
    })
  })

  test('what is confirmed is left out: another message, the same ids of what is left', async () => {
    const { close } = await publishedClose(world, closing)
    const [first] = (await paymentsOf(world.table, close)).filter(({ from }) => from === 'fliggy')
    if (!first) throw new Error('no payment of fliggy')
    const confirmation = { paidOn: '2026-11-03' as Day, reference: 'b-1', amountMinor: first.netMinor }
    // By the id that the bank reports.
    const id = endToEndIdOf(first.id)
    expect(id).not.toBe(first.id)
    await confirmPayment(world, { caller: { client: 'alibaba' }, ...closing, id, confirmation })
    const { xml: rest } = await paymentsFile(world, closing)
    expect(texts(rest, 'EndToEndId')).not.toContain(id)
    expect([texts(rest, 'NbOfTxs'), texts(rest, 'CtrlSum')]).toEqual([
      ['2', '2'],
      ['1469.13', '1469.13'],
    ])
    expect(texts(rest, 'MsgId')).not.toEqual(texts(xml, 'MsgId'))
    expect(texts(rest, 'PmtInfId')).toEqual(texts(xml, 'PmtInfId').slice(0, 1))
    const ids = [...texts(xml, 'MsgId'), ...texts(xml, 'PmtInfId'), ...texts(rest, 'MsgId')]
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.every(one => /^[0-9A-F]{32}$/.test(one))).toBe(true)
  })
})

const idsOf = (xml: string) => ['MsgId', 'PmtInfId', 'InstrId', 'EndToEndId'].map(name => texts(xml, name))

/** EPC217-08: the characters of SEPA; references have no slash at an end, nor two of them. */
function expectReadable(xml: string) {
  const all = [...xml.matchAll(/>([^<]+)</g)].map(([, text = '']) => text.trim()).filter(text => text !== '')
  const read = all.map(text => text.replaceAll('&apos;', "'"))
  expect(read.length).toBeGreaterThan(20)
  expect(read.filter(text => !/^[A-Za-z0-9/\-?:().,'+ ]+$/.test(text))).toEqual([])
  expect(
    idsOf(xml)
      .flat()
      .filter(id => id.length > 35 || /^\/|\/$|\/\//.test(id)),
  ).toEqual([])
}

describe('other currencies', () => {
  const currencies = ['CNY', 'JPY', 'KWD']
  let world: World

  beforeAll(async () => {
    world = await closedOctober([
      ...fees,
      ...currencies.map(currency => feeOf('alibaba', 'youku', '1200', { currency, taxRate: '0.0612' })),
    ])
    for (const brand of ['alibaba', 'fliggy', 'eleme']) await register(world, brand)
    await register(
      world,
      'youku',
      accountOf('youku', { iban: undefined, accountId: '6200880000000000029', bic: 'DEMOCNBJ' }),
    )
  })

  test.each([
    ['CNY', '1273.44'],
    ['JPY', '1273'],
    ['KWD', '1273.440'],
  ])('%s has its own fraction digits in the structure that EUR has', async (currency, amount) => {
    const { xml, name } = await paymentsFile(world, { ...closing, currency })
    expect(name).toBe(`88vip-2026-10-payments-${currency}.xml`)
    expect([...texts(xml, 'InstdAmt'), ...texts(xml, 'CtrlSum')]).toEqual([amount, amount, amount])
    expect(xml).toContain(`<InstdAmt Ccy="${currency}">`)
    expect(xml).toContain('<Id>6200880000000000029</Id>')
    const same = (name: string) =>
      !['PmtTpInf', 'SvcLvl', 'Cd', 'IBAN', 'Othr', 'CdtrAgt', 'FinInstnId', 'BICFI'].includes(name)
    const sepa = await painXml({
      initiator: 'alibaba',
      createdOn: '2026-11-02' as Day,
      executionDate: '2026-11-02' as Day,
      transfers: [transfer({ debtor: accountOf('alibaba'), creditor: accountOf('youku') })],
    })
    const idless = (names: string[]) =>
      names
        .filter(same)
        .join(' ')
        .replaceAll(/\bId Id\b/g, 'Id')
    expect(idless(outline(xml))).toBe(idless(outline(sepa)))
    expect(sepa).toContain('<Cd>SEPA</Cd>')
    expect(xml).not.toContain('SEPA')
  })

  test('one file of all has a payment information for each debtor and currency, and for SEPA apart', async () => {
    const { xml } = await paymentsFile(world, closing)
    const currencyOf = (part: string) => /<InstdAmt Ccy="([A-Z]{3})">/.exec(part)?.[1]
    expect(parts(xml, 'PmtInf').map(part => [texts(part, 'Nm')[0], currencyOf(part), texts(part, 'Cd')[0]])).toEqual([
      ['alibaba Ltd.', 'CNY', undefined],
      ['alibaba Ltd.', 'EUR', 'SEPA'],
      ['alibaba Ltd.', 'EUR', undefined],
      ['alibaba Ltd.', 'JPY', undefined],
      ['alibaba Ltd.', 'KWD', undefined],
      ['fliggy Ltd.', 'EUR', 'SEPA'],
    ])
    expectReadable(xml)
    const [header = ''] = parts(xml, 'GrpHdr')
    // 1273.44 + 1469.06 + 0.07 + 10 + 1273 + 1273.440, whatever the currencies.
    expect([texts(header, 'NbOfTxs'), texts(header, 'CtrlSum')]).toEqual([['6'], ['5299.010']])
  })

  test('EUR to an account without IBAN is no SEPA credit transfer, and keeps no other from being one', async () => {
    const { xml } = await paymentsFile(world, { ...closing, currency: 'EUR' })
    const seen = parts(xml, 'PmtInf').map(part => [
      texts(part, 'Nm')[1],
      texts(part, 'ChrgBr')[0],
      texts(part, 'NbOfTxs')[0],
      texts(part, 'CtrlSum')[0],
    ])
    expect(seen).toEqual([
      ['eleme Ltd.', 'SLEV', '1', '0.07'],
      ['youku Ltd.', 'SHAR', '1', '1469.06'],
      ['eleme Ltd.', 'SLEV', '1', '10.00'],
    ])
  })
})

test.each([
  ['an IBAN of a country with', 'SM86U0322509800000000270100', 'SEPA'],
  ['an IBAN of a country without', 'SA0380000000608010167519', undefined],
])('%s SEPA asks for it or not', async (_what, iban, expected) => {
  const { iban: read } = SettlementAccount.parse({ name: 'Anybody', iban })
  const xml = await painXml({
    initiator: 'alibaba',
    createdOn: '2026-11-02' as Day,
    executionDate: '2026-11-02' as Day,
    transfers: [transfer({ creditor: accountOf('youku', { iban: read }) })],
  })
  expect(texts(xml, 'Cd')[0]).toBe(expected)
})

test('SEPA is asked for up to what it takes', async () => {
  const fileOf = (amountMinor: number) =>
    painXml({
      initiator: 'alibaba',
      createdOn: '2026-11-02' as Day,
      executionDate: '2026-11-02' as Day,
      transfers: [transfer({ amountMinor })],
    })
  const most = await fileOf(99_999_999_999)
  expect([texts(most, 'InstdAmt'), texts(most, 'Cd')]).toEqual([['999999999.99'], ['SEPA']])
  expect(texts(await fileOf(100_000_000_000), 'Cd')).toEqual([])
  if (existsSync(schemaFile)) expect(await faultsOf(most)).toEqual([])
})

function transfer(more: Partial<CreditTransfer>): CreditTransfer {
  return {
    id: 'pay_00000000000000000000000000',
    debtor: accountOf('alibaba'),
    creditor: accountOf('youku'),
    currency: 'EUR',
    amountMinor: 1,
    remittance: 'r',
    ...more,
  }
}

describe('hostile content', () => {
  const hostile = `</Nm><Dbtr>& "'<!--]]>\u{1F4A9}`

  test('is text and nothing else', async () => {
    const xml = await painXml({
      initiator: hostile,
      createdOn: '2026-11-02' as Day,
      executionDate: '2026-11-02' as Day,
      transfers: [
        transfer({
          debtor: accountOf('alibaba', { name: hostile }),
          creditor: accountOf('youku', { name: '<?xml?>' }),
          remittance: '& <![CDATA[x',
        }),
      ],
    })
    const read = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
    expect(texts(xml, 'Nm').map(read)).toEqual([hostile, hostile, '<?xml?>'])
    expect(texts(xml, 'Ustrd').map(read)).toEqual(['& <![CDATA[x'])
    expect(outline(xml).filter(name => name === 'Dbtr')).toHaveLength(1)
    expect(xml).not.toContain('<!--')
    const lint = await validateXML({ xml: { fileName: 'pain.xml', contents: xml }, normalization: 'format' })
    expect(lint.normalized).toContain('CstmrCdtTrfInitn')
  })

  test('control sums are exact beyond what a double holds', () => {
    const most = { currency: 'KWD', amountMinor: Number.MAX_SAFE_INTEGER }
    expect(controlSum([most, most, { currency: 'JPY', amountMinor: 1 }])).toBe('18014398509482.982')
    expect(controlSum([{ currency: 'JPY', amountMinor: 7 }])).toBe('7')
    expect(controlSum([{ currency: 'CNY', amountMinor: 7 }])).toBe('0.07')
  })
})
