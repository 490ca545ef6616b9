import { Readable } from 'node:stream'
import type { Statement } from '../../schemas/settlement.ts'
import { periodDays } from '../kernel/calendar.ts'
import { statementFont } from './statement-font.ts'
import { page, pagesOf, rowHeight, type ShownPage, type ShownRow, shownAmount, tableTop } from './statement-layout.ts'
import type { StatementNames } from './statement-xlsx.ts'

type Pdf = PDFKit.PDFDocument
type Align = 'left' | 'right' | 'center'
type Place = { x: number; y: number; width: number; size?: number; color?: string; align?: Align }

const left = page.margin
const width = page.width - 2 * page.margin
const right = left + width
const ink = '#111827'
const quiet = '#4b5563'
const rule = '#9ca3af'
const band = '#f3f4f6'
/** Text that is wider than its place is set smaller, and cut where it would be too small to read. */
const smallest = 5.5

/** The columns of the table: where each begins and how wide it is. */
const columns = {
  what: { x: left + 4, width: 212, align: 'left', title: 'Line · 项目' },
  origin: { x: left + 222, width: 54, align: 'left', title: 'Period · 账期' },
  quantity: { x: left + 280, width: 66, align: 'right', title: 'Quantity · 数量' },
  base: { x: left + 352, width: 68, align: 'right', title: 'Base · 基数' },
  amount: { x: left + 426, width: width - 430, align: 'right', title: 'Amount · 金额' },
} as const satisfies Partial<Record<keyof ShownRow, { x: number; width: number; align: Align; title: string }>>

/**
 * A statement as a document to read and to sign (PDF), in Chinese and English, page by page. The same statement gives
 * the same bytes: its dates are those of the period's end.
 */
export async function statementPdf(
  statement: Statement,
  names: StatementNames = {},
): Promise<ReadableStream<Uint8Array>> {
  const [{ default: Document }, font] = await Promise.all([import('pdfkit'), statementFont()])
  const date = new Date(`${periodDays(statement.period).last}T00:00:00Z`)
  const pdf = new Document({
    size: 'A4',
    margin: 0,
    autoFirstPage: false,
    // The fonts of the library's own are files that a bundle does not have.
    font: '',
    lang: 'zh-CN',
    displayTitle: true,
    info: {
      Title: `Settlement statement ${statement.id}`,
      Author: 'Tessera',
      CreationDate: date,
      ModDate: date,
    },
  })
  pdf.registerFont('text', font).font('text')
  const pages = pagesOf(statement)
  for (const [at, shown] of pages.entries()) {
    pdf.addPage()
    if (at === 0) opening(pdf, statement, names)
    else continued(pdf, statement)
    const end = table(pdf, shown, at === 0 ? tableTop.first : tableTop.other)
    if (shown.isLast) closing(pdf, statement, end + 10)
    footer(pdf, statement, `${at + 1} / ${pages.length}`)
  }
  pdf.end()
  return Readable.toWeb(Readable.from(pdf)) as ReadableStream<Uint8Array>
}

function write(pdf: Pdf, text: string, { x, y, width: room, size = 9, color = ink, align = 'left' }: Place): void {
  const whole = legible(text)
  pdf.fontSize(size)
  const wanted = pdf.widthOfString(whole)
  if (wanted > room) pdf.fontSize(Math.max(smallest, (size * room) / wanted))
  const shown = fitting(whole, cut => pdf.widthOfString(cut) <= room)
  const spare = room - pdf.widthOfString(shown)
  const start = align === 'right' ? x + spare : align === 'center' ? x + spare / 2 : x
  pdf.fillColor(color).text(shown, start, y, { lineBreak: false })
}

/** Names come from outside: to measure one of thousands of letters takes seconds, and no column shows so many. */
const mostLetters = 200

function legible(text: string): string {
  // Each code point is two units at most: what is cut here is not looked at letter by letter.
  const letters = [...text.slice(0, 2 * mostLetters + 2).replace(/\p{Cc}/gu, ' ')]
  return letters.length > mostLetters ? `${letters.slice(0, mostLetters - 1).join('')}…` : letters.join('')
}

/** The text, or as much of its beginning as fits. */
function fitting(text: string, fits: (text: string) => boolean): string {
  if (fits(text)) return text
  const letters = [...text]
  const cut = (count: number) => `${letters.slice(0, count).join('')}…`
  let [least, most] = [1, letters.length - 1]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (fits(cut(middle))) least = middle
    else most = middle - 1
  }
  return cut(least)
}

const line = (pdf: Pdf, y: number, color = rule, from = left, to = right): void => {
  pdf.moveTo(from, y).lineTo(to, y).lineWidth(0.6).strokeColor(color).stroke()
}

function opening(pdf: Pdf, statement: Statement, names: StatementNames): void {
  const { id, programme, period, debtor, creditor, currency, openingMinor, totalMinor } = statement
  write(pdf, '结算单', { x: left, y: 44, width: 200, size: 22 })
  write(pdf, 'Settlement statement', { x: left, y: 74, width: 260, size: 12, color: quiet })
  write(pdf, 'Total · 合计', { x: right - 220, y: 46, width: 220, size: 8.5, color: quiet, align: 'right' })
  const total = `${currency} ${shownAmount(totalMinor, currency)}`
  write(pdf, total, { x: right - 260, y: 58, width: 260, size: 18, align: 'right' })
  line(pdf, 100, ink)
  const half = width / 2 - 10
  const fact = (column: number, row: number, title: string, text: string, size = 10) => {
    const place = { x: left + column * (half + 20), width: half }
    write(pdf, title, { ...place, y: 112 + row * 38, size: 8, color: quiet })
    write(pdf, text, { ...place, y: 123 + row * 38, size })
  }
  fact(0, 0, `Debtor · 付款方 (${debtor})`, names.debtor ?? debtor, 12)
  fact(1, 0, `Creditor · 收款方 (${creditor})`, names.creditor ?? creditor, 12)
  fact(0, 1, `Programme · 项目 (${programme})`, names.programme ?? programme)
  const { first, last } = periodDays(period)
  fact(1, 1, 'Period · 账期', `${period}  (${first} – ${last})`)
  fact(0, 2, 'Statement · 单号', id)
  fact(1, 2, 'Currency · 币种', currency)
  fact(0, 3, 'Carried from before · 上期结转', shownAmount(openingMinor, currency))
  const late = statement.lines.filter(({ originPeriod }) => originPeriod < period).length
  fact(1, 3, 'Lines · 明细行', late === 0 ? `${statement.lines.length}` : lateText(statement.lines.length, late))
}

const lateText = (lines: number, late: number): string =>
  `${lines}, of which ${late} of earlier periods · 其中往期 ${late} 行`

function continued(pdf: Pdf, { id, debtor, creditor, period, currency }: Statement): void {
  write(pdf, '结算单 · Settlement statement', { x: left, y: 44, width: 240, size: 12 })
  write(pdf, id, { x: right - 240, y: 47, width: 240, color: quiet, align: 'right' })
  write(pdf, `${debtor} – ${creditor}  |  ${period}  |  ${currency}`, { x: left, y: 64, width, color: quiet })
  line(pdf, 82, ink)
}

/** The rows under their header; gives where they end. */
function table(pdf: Pdf, { rows, isLast }: ShownPage, top: number): number {
  if (rows.length === 0 && !isLast) return top
  pdf.rect(left, top - 24, width, 20).fill(band)
  for (const { title, ...place } of Object.values(columns))
    write(pdf, title, { ...place, y: top - 19, size: 8, color: quiet })
  for (const [at, row] of rows.entries()) {
    const y = top + at * rowHeight
    write(pdf, row.what, { ...columns.what, y: y + 1, size: 9 })
    write(pdf, row.detail, { ...columns.what, y: y + 13, size: 7, color: quiet })
    for (const name of ['origin', 'quantity', 'base', 'amount'] as const)
      write(pdf, row[name], { ...columns[name], y: y + 6, size: 9 })
    line(pdf, y + rowHeight - 2, '#e5e7eb')
  }
  if (rows.length === 0) write(pdf, 'No lines · 无明细', { ...columns.what, y: top + 6, color: quiet })
  return top + Math.max(1, rows.length) * rowHeight
}

function closing(pdf: Pdf, statement: Statement, top: number): void {
  const { currency, openingMinor, subtotalMinor, taxMinor, totalMinor } = statement
  const sums = [
    ['Carried from before · 上期结转', openingMinor],
    ['Subtotal · 小计', subtotalMinor],
    ['Tax · 税额', taxMinor],
  ] as const
  const title = { x: left + 222, width: 180, color: quiet }
  const amount = { x: left + 402, width: width - 406, align: 'right' as const }
  for (const [at, [name, minor]] of sums.entries()) {
    write(pdf, name, { ...title, y: top + at * 17 })
    write(pdf, shownAmount(minor, currency), { ...amount, y: top + at * 17, size: 9.5 })
  }
  line(pdf, top + 53, ink, left + 222)
  write(pdf, `Total · 合计 (${currency})`, { ...title, y: top + 59, size: 10.5, color: ink })
  write(pdf, shownAmount(totalMinor, currency), { ...amount, y: top + 58, size: 12 })
  signatures(pdf, statement, top + 112)
  proof(pdf, statement, top + 178)
}

function signatures(pdf: Pdf, { debtor, creditor }: Statement, y: number): void {
  const half = width / 2 - 12
  const parties = [
    [`For the debtor · 付款方签章: ${debtor}`, left],
    [`For the creditor · 收款方签章: ${creditor}`, left + half + 24],
  ] as const
  for (const [text, x] of parties) {
    line(pdf, y + 24, ink, x, x + half)
    write(pdf, text, { x, y: y + 28, width: half, size: 8 })
    write(pdf, 'Name, date · 姓名、日期', { x, y: y + 40, width: half, size: 7.5, color: quiet })
  }
}

function proof(pdf: Pdf, { id, hash, previousHash }: Statement, y: number): void {
  pdf.rect(left, y, width, 104).fill(band)
  const place = { x: left + 10, width: width - 20 }
  const said = (row: number, title: string, text: string) => {
    write(pdf, title, { ...place, y: y + 8 + row * 25, size: 7.5, color: quiet })
    write(pdf, text, { ...place, y: y + 18 + row * 25, size: 8 })
  }
  said(0, 'SHA-256 of this statement (RFC 8785) · 本单摘要', hash)
  said(1, 'SHA-256 of the statement before between the two · 上一份结算单摘要', previousHash)
  write(pdf, 'Verify with · 验证方式', { ...place, y: y + 60, size: 7.5, color: quiet })
  const how = `verifyStatement of @tessera/partner-kit, with /v1/statements/${id} and its form .jwt: signature, hash, sums and chain`
  write(pdf, how, { ...place, y: y + 71, size: 8 })
  write(pdf, '用开发包的 verifyStatement 核对签名、摘要、合计与前后链接', { ...place, y: y + 84, size: 8 })
}

function footer(pdf: Pdf, { id, period }: Statement, number: string): void {
  const y = page.height - 46
  line(pdf, y - 6, '#e5e7eb')
  write(pdf, `${id}  |  ${period}`, { x: left, y, width: 300, size: 7.5, color: quiet })
  write(pdf, `Page · 页 ${number}`, { x: right - 120, y, width: 120, size: 7.5, color: quiet, align: 'right' })
}
