import type { ReceiptChainBroken } from '../reporter-errors.ts'
import type { FoundLine } from './malformed.ts'
import type { SendState } from './state.ts'

/** What came of a run, for machines as it is and for people by `summaryText`. */
export interface SendSummary {
  readonly file: string
  readonly isComplete: boolean
  readonly lines: number
  readonly batches: number
  readonly bytes: number
  readonly quantity: number
  readonly malformed: number
  readonly skipped: number
  /** The first malformed and skipped lines, by their number in the file. */
  readonly first: readonly FoundLine[]
  readonly chain?: SendState['chain']
  /** Places where other senders' batches lie between this file's. */
  readonly gaps: number
  readonly receipts: string
  readonly malformedFile?: string
  readonly state?: string
  /** Of this run alone. */
  readonly run: { readonly lines: number; readonly seconds: number; readonly linesPerSecond: number }
  readonly error?: { readonly name: string; readonly message: string }
}

interface Run {
  readonly file: string
  readonly statePath: string | undefined
  readonly ledger: { readonly receiptsPath: string; readonly malformedPath: string; state(): SendState }
  readonly linesBefore: number
  readonly seconds: number
  readonly first: readonly FoundLine[]
  readonly gaps: readonly ReceiptChainBroken[]
  readonly error: Error | undefined
}

export function summaryOf({ file, statePath, ledger, linesBefore, seconds, first, gaps, error }: Run): SendSummary {
  const { done, chain, isComplete } = ledger.state()
  const { lines, batches, bytes, quantity, malformed, skipped } = done
  const sent = lines - linesBefore
  return {
    ...{ file, isComplete, lines, batches, bytes, quantity, malformed, skipped, first },
    ...(chain && { chain }),
    gaps: gaps.length,
    receipts: ledger.receiptsPath,
    ...(first.length > 0 && { malformedFile: ledger.malformedPath }),
    ...(statePath !== undefined && { state: statePath }),
    run: { lines: sent, seconds: round(seconds), linesPerSecond: Math.round(seconds > 0 ? sent / seconds : 0) },
    ...(error && { error: { name: error.name, message: printable(error.message) } }),
  }
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10
const count = (value: number): string => value.toLocaleString('en')

/** For the eyes. */
export function summaryText(summary: SendSummary): string {
  const { file, isComplete, lines, batches, bytes, quantity, malformed, skipped, chain, gaps, run } = summary
  const rows: [string, string][] = [
    ['lines', `${count(lines)} in ${count(batches)} batches, ${count(bytes)} bytes`],
    ['quantity', count(quantity)],
    ['malformed', malformed + skipped === 0 ? '0' : `${count(malformed)}${skippedText(skipped)}`],
    ...(chain ? [['chain', chainText(chain, gaps)] as [string, string]] : []),
    ...(batches > 0 ? [['receipts', summary.receipts] as [string, string]] : []),
    ['this run', `${count(run.lines)} lines in ${run.seconds} s, ${count(run.linesPerSecond)} lines/s`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${printable(value)}`)
  return [
    `${printable(file)}: ${isComplete ? 'delivered' : 'not everything is delivered'}`,
    ...table,
    ...foundTexts(summary),
    ...(batches > 0 ? [NOT_TOLD] : []),
    '',
  ].join('\n')
}

const NOT_TOLD =
  '  Batches that the gateway had already were stored once and got the same receipt; which ones, the receipt does not tell.'

const skippedText = (skipped: number): string =>
  skipped === 0 ? '' : `, and ${count(skipped)} longer than a batch, not sent`

function chainText({ first, last }: NonNullable<SendState['chain']>, gaps: number): string {
  const between = gaps === 0 ? '' : `; batches of other senders lie between (gaps: ${count(gaps)})`
  return `receipts ${count(first.sequence + 1)} to ${count(last.sequence)}, ends with ${last.hash}${between}`
}

function foundTexts({ first, malformed, skipped, malformedFile }: SendSummary): string[] {
  const more = malformed + skipped - first.length
  return [
    ...first.map(({ line, errors }) => `  line ${line}: ${printable(faultText(errors))}`),
    ...(more > 0 ? [`  and ${count(more)} more`] : []),
    ...(malformedFile === undefined ? [] : [`  all of them: ${printable(malformedFile)}`]),
  ]
}

const MAX_FAULT = 200
export const faultText = (errors: FoundLine['errors']): string =>
  errors
    .map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer} ${detail}`))
    .join('; ')
    .slice(0, MAX_FAULT)

/** Text from elsewhere, such as a field's name, must not steer the terminal. */
export const printable = (text: string): string => text.replace(/\p{C}/gu, '\uFFFD')
