import { cpus, totalmem } from 'node:os'
import type { Spread } from './measure.ts'

export const topics = ['verify', 'mint', 'bundle', 'status', 'ingest', 'reconcile', 'close'] as const
export type Topic = (typeof topics)[number]

export type Grid = { columns: readonly string[]; rows: readonly (readonly string[])[] }
/** What was promised, and what came out. `unit` follows the numbers. */
export type Target = { name: string; measured: number; limit: number; bound: 'at least' | 'at most'; unit: string }
/** What one topic found: tables, then the promises, then what a reader of the numbers should know. */
export type Section = { topic: Topic; tables: readonly Grid[]; targets: readonly Target[]; notes: readonly string[] }

const significant = (value: number): string => {
  if (!Number.isFinite(value)) return '–'
  if (value >= 1000) return Math.round(value).toLocaleString('en-US')
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
export const number = significant
/** The median, and the lowest and highest round. */
export const spread = ({ median, low, high }: Spread): string =>
  `${significant(median)} (${significant(low)}–${significant(high)})`
export const times = ({ median, low, high }: Spread): string =>
  `${median.toFixed(2)} × (${low.toFixed(2)}–${high.toFixed(2)})`
export const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} KB`

export const isMet = ({ measured, limit, bound }: Target): boolean =>
  bound === 'at least' ? measured >= limit : measured <= limit

/** One target as one sentence, with by how much it is met or missed in parts of the limit. */
export function verdict(target: Target): string {
  const { name, measured, limit, bound, unit } = target
  const by = `${(Math.abs(measured / limit - 1) * 100).toFixed(0)} %`
  const outcome = isMet(target) ? `met, with ${by} to spare` : `MISSED by ${by}`
  return `${name}: ${significant(measured)}${unit}, target ${bound} ${limit}${unit}: ${outcome}`
}

/** Where and when the figures were taken; without it no figure means anything. */
export function machine(at: Date): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const processor = `${cpus().length} × ${first?.model.trim() || 'unknown processor'}`
  const { node, openssl } = process.versions
  return `${processor}, ${memory} GB, ${process.platform} ${process.arch}, Node ${node} (OpenSSL ${openssl}), ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

export function terminalOf(section: Section): string {
  const targets = section.targets.map(target => `${isMet(target) ? '  ok    ' : '  MISSED'} ${verdict(target)}`)
  return [`\n== ${section.topic}`, ...section.tables.map(aligned), ...targets, ...section.notes.map(wrapped)].join('\n')
}

export function markdownOf(section: Section, at: Date, quick: boolean): string {
  const warning = quick ? ['**A quick run: it shows that the bench works, its figures mean nothing.**', ''] : []
  const targets = section.targets.map(target => `- ${isMet(target) ? '✓' : '✗'} ${verdict(target)}.`)
  return [
    ...warning,
    `Measured on ${machine(at)}.`,
    '',
    ...section.tables.flatMap(table => [...piped(table), '']),
    ...(targets.length > 0 ? [...targets, ''] : []),
    ...section.notes.map(note => `${note}\n`),
  ]
    .join('\n')
    .trimEnd()
}

/** Puts each section between its markers, and leaves the prose around them alone; a page without them gets them. */
export function pageWith(page: string, sections: ReadonlyMap<Topic, string>): string {
  return [...sections].reduce((text, [topic, section]) => {
    const [begin, end] = [`<!-- bench:${topic} begin (generated) -->`, `<!-- bench:${topic} end -->`]
    const block = `${begin}\n${section}\n${end}`
    const [from, to] = [text.indexOf(begin), text.indexOf(end)]
    if (from === -1 || to < from) return `${text.trimEnd()}\n\n## ${topic}\n\n${block}\n`.trimStart()
    return text.slice(0, from) + block + text.slice(to + end.length)
  }, page)
}

function aligned({ columns, rows }: Grid): string {
  const lines = [columns, ...rows]
  const widths = columns.map((_column, place) => Math.max(...lines.map(line => (line[place] ?? '').length)))
  const text = lines.map(line =>
    line
      .map((cell, place) => (place === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[place] ?? 0)))
      .join('  '),
  )
  return ['', ...text.toSpliced(1, 0, widths.map(width => '-'.repeat(width)).join('  ')), ''].join('\n')
}

function piped({ columns, rows }: Grid): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(columns), line(columns.map((_column, place) => (place === 0 ? '---' : '---:'))), ...rows.map(line)]
}

function wrapped(note: string): string {
  const lines: string[] = []
  for (const word of note.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length > 108) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.map(line => `  ${line}`).join('\n')
}
