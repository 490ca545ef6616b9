import { createHash } from 'node:crypto'
import { isSepaIban } from '../../schemas/bank.ts'
import type { SettlementAccount } from '../../schemas/brand.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import type { Day } from '../../schemas/primitives.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import { majorAmount } from './amount.ts'

export type CreditTransfer = {
  /** Of the payment, of which the bank's ids are made. */
  id: string
  debtor: SettlementAccount
  creditor: SettlementAccount
  currency: string
  amountMinor: number
  /** What the creditor reads on its account: at most 140 characters. */
  remittance: string
}

export type CreditTransfers = {
  /** Who sends the file. */
  initiator: string
  /** Without a time: who makes the file twice on one day gets the same bytes, and two people can compare them. */
  createdOn: Day
  executionDate: Day
  transfers: CreditTransfer[]
}

const namespace = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'

/**
 * Credit transfers as an ISO 20022 pain.001.001.09 message, for a bank to execute: one payment information for each
 * debtor and currency, and where SEPA (EPC132-08) takes only some of its transfers, one more for the others. In the
 * order of the transfers.
 *
 * All ids are made of what is paid, by which accounts, and of nothing else: the same transfers asked for again, on
 * another day or under other names, have the ids that they had, by which a bank refuses to execute them twice. Where a
 * transfer was left out meanwhile, the message has another id, and those of the other transfers and of unchanged
 * payment informations stay. A payment that was made but not confirmed is in the file again.
 */
export async function painXml(content: CreditTransfers): Promise<string> {
  const { create } = await import('xmlbuilder2')
  const { initiator, createdOn, executionDate, transfers } = content
  const message = {
    GrpHdr: {
      MsgId: idOf('message', transfers),
      // Local time, which the standard writes without an offset.
      CreDtTm: `${createdOn}T00:00:00`,
      NbOfTxs: transfers.length,
      CtrlSum: controlSum(transfers),
      InitgPty: { Nm: initiator },
    },
    PmtInf: [...Map.groupBy(transfers, debitSideOf)].map(([, group]) => paymentInformation(executionDate, group)),
  }
  return create({ version: '1.0', encoding: 'UTF-8' }, { Document: { '@xmlns': namespace, CstmrCdtTrfInitn: message } })
    .end({ prettyPrint: true })
    .concat('\n')
}

/** An id as banks take it: their characters (EPC217-08) lack the underscore. */
export const endToEndIdOf = (id: string): string => id.replaceAll('_', '-')

/** 32 letters and digits: ids have 35 characters at most, of those that all banks take. */
function idOf(kind: 'message' | 'information', transfers: CreditTransfer[]): string {
  const paid = transfers.map(({ id, debtor, creditor, currency, amountMinor }) =>
    canonicalJson([id, currency, amountMinor, identityOf(debtor), identityOf(creditor)]),
  )
  const hash = createHash('sha256').update(canonicalJson([kind, ...paid.sort()]))
  return hash.digest('hex').slice(0, 32).toUpperCase()
}

/** A number that is no IBAN means an account only together with the bank. */
const identityOf = ({ iban, accountId, bic }: SettlementAccount) => (iban === undefined ? [accountId, bic] : [iban])

const debitSideOf = (transfer: CreditTransfer): string =>
  canonicalJson([transfer.debtor, transfer.currency, isSepa(transfer)])

/** The scheme's own limit: 999 999 999.99 EUR. */
const mostSepaMinor = 99_999_999_999

const isSepa = ({ debtor, creditor, currency, amountMinor }: CreditTransfer): boolean =>
  currency === 'EUR' &&
  amountMinor <= mostSepaMinor &&
  [debtor, creditor].every(({ iban }) => iban !== undefined && isSepaIban(iban))

/** Of one debtor in one currency, all by SEPA or none. */
function paymentInformation(executionDate: Day, transfers: CreditTransfer[]) {
  const [first] = transfers
  if (!first) throw new Error('a payment information without a transfer')
  const { debtor } = first
  const sepa = isSepa(first)
  return {
    PmtInfId: idOf('information', transfers),
    PmtMtd: 'TRF',
    NbOfTxs: transfers.length,
    CtrlSum: controlSum(transfers),
    ...(sepa && { PmtTpInf: { SvcLvl: { Cd: 'SEPA' } } }),
    ReqdExctnDt: { Dt: executionDate },
    Dbtr: { Nm: debtor.name },
    DbtrAcct: accountOf(debtor),
    // The schema wants the debtor's bank; NOTPROVIDED is its word for one that the account alone tells.
    DbtrAgt: agentOf(debtor) ?? { FinInstnId: { Othr: { Id: 'NOTPROVIDED' } } },
    // By the rules of the scheme, or each side its own.
    ChrgBr: sepa ? 'SLEV' : 'SHAR',
    CdtTrfTxInf: transfers.map(creditTransfer),
  }
}

const creditTransfer = ({ id, creditor, currency, amountMinor, remittance }: CreditTransfer) => {
  const agent = agentOf(creditor)
  return {
    PmtId: { InstrId: endToEndIdOf(id), EndToEndId: endToEndIdOf(id) },
    Amt: { InstdAmt: { '@Ccy': currency, '#': majorAmount(amountMinor, currency) } },
    ...(agent && { CdtrAgt: agent }),
    Cdtr: { Nm: creditor.name },
    CdtrAcct: accountOf(creditor),
    RmtInf: { Ustrd: remittance },
  }
}

const accountOf = ({ iban, accountId }: SettlementAccount) => ({
  Id: iban === undefined ? { Othr: { Id: accountId } } : { IBAN: iban },
})

const agentOf = ({ bic }: SettlementAccount) => (bic === undefined ? undefined : { FinInstnId: { BICFI: bic } })

/** The amounts as plain numbers added up, whatever their currencies: that is what the standard asks for. */
export function controlSum(transfers: Pick<CreditTransfer, 'currency' | 'amountMinor'>[]): string {
  const digits = Math.max(0, ...transfers.map(({ currency }) => minorUnitDigits(currency)))
  const sum = transfers.reduce(
    (total, { currency, amountMinor }) =>
      total + BigInt(amountMinor) * 10n ** BigInt(digits - minorUnitDigits(currency)),
    0n,
  )
  if (digits === 0) return String(sum)
  const text = String(sum).padStart(digits + 1, '0')
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`
}
