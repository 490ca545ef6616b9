import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { DeflateOptions } from 'fflate'

/** What a cell looks like; the place in the list is its number in the style sheet. */
const styles = ['text', 'head', 'title', 'integer', 'amount0', 'amount2', 'amount3', 'amount4'] as const
export type CellStyle = (typeof styles)[number]

/** A cell of a sheet: text, or a decimal such as `-12.34` for a number. */
export type Cell = { text: string; style?: CellStyle } | { number: string; style?: CellStyle } | undefined

export type Sheet = {
  name: string
  /** Widths of the columns in characters. */
  widths: readonly number[]
  /** How many rows stay on the screen: those up to the header of the table. */
  frozen: number
  rows: Iterable<Cell[]> | AsyncIterable<Cell[]>
  /** The header of the table, again on top of each further sheet where one is full. */
  header: Cell[]
}

/** A sheet of the format holds no more (ECMA-376). */
const rowsOfSheet = 1_048_576
/** A cell of the format holds no more text; a program would refuse the whole file for one that does. */
const textOfCell = 32_767
/** Digits that a spreadsheet program keeps of a number: one with more is written as text, with all of them. */
const exactDigits = 15
/** XML that is compressed at a time. */
const pieceSize = 64 * 1024
/** The oldest time that a ZIP file knows: the same rows make the same bytes. */
const writtenAt = new Date(1980, 0, 1)

const namespace = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const packaged = 'http://schemas.openxmlformats.org/package/2006'
const prolog = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

/**
 * A workbook (ECMA-376, XLSX) that is written while it is read, whatever number of rows it has: write-excel-file, like
 * all such libraries for small files, holds every cell in memory. Rows beyond the last of a sheet go on in another one.
 */
export async function workbook(
  sheets: readonly Sheet[],
  most: number = rowsOfSheet,
): Promise<ReadableStream<Uint8Array>> {
  const { Zip, ZipDeflate } = await import('fflate')
  const chunks: Uint8Array[] = []
  const zip = new Zip((error, chunk) => {
    if (error) throw error
    chunks.push(chunk)
  })
  const options: DeflateOptions = { level: 4 }
  const text = new TextEncoder()
  async function* bytes() {
    const names: string[] = []
    for await (const { name, xml } of sheetParts(sheets, most)) {
      names.push(name)
      const part = new ZipDeflate(`xl/worksheets/sheet${names.length}.xml`, options)
      part.mtime = writtenAt
      zip.add(part)
      for await (const piece of xml) {
        part.push(text.encode(piece))
        yield* chunks.splice(0)
      }
      part.push(new Uint8Array(), true)
    }
    for (const [path, xml] of frameParts(names)) {
      const part = new ZipDeflate(path, options)
      part.mtime = writtenAt
      zip.add(part)
      part.push(text.encode(prolog + xml), true)
    }
    zip.end()
    yield* chunks.splice(0)
  }
  return Readable.toWeb(Readable.from(bytes(), { objectMode: true, highWaterMark: 4 })) as ReadableStream<Uint8Array>
}

/** Rows of a sheet as far as they are read: `next` is the first that is not written yet. */
type Reading = { rows: AsyncGenerator<Cell[], undefined>; next: IteratorResult<Cell[], undefined> }

/** Each part must be read to its end before the next one is asked for. */
async function* sheetParts(sheets: readonly Sheet[], most: number) {
  for (const sheet of sheets) {
    const rows = iteratorOf(sheet.rows)
    try {
      const reading = { rows, next: await rows.next() }
      yield { name: sheet.name, xml: sheetXml(sheet, [], reading, most) }
      for (let number = 2; !reading.next.done; number++) {
        const more = { ...sheet, frozen: 1 }
        yield { name: `${sheet.name} ${number}`, xml: sheetXml(more, [sheet.header], reading, most) }
      }
    } finally {
      await rows.return(undefined)
    }
  }
}

async function* sheetXml(sheet: Sheet, top: readonly Cell[][], reading: Reading, most: number) {
  let piece = sheetHead(sheet)
  let row = 0
  for (const cells of top) piece += rowXml(++row, cells)
  for (; !reading.next.done && row < most; reading.next = await reading.rows.next()) {
    piece += rowXml(++row, reading.next.value)
    if (piece.length < pieceSize) continue
    yield piece
    piece = ''
  }
  yield `${piece}</sheetData></worksheet>`
}

async function* iteratorOf(rows: Sheet['rows']): AsyncGenerator<Cell[], undefined> {
  yield* rows
}

function sheetHead({ widths, frozen }: Sheet): string {
  const columns = widths.map((width, at) => `<col min="${at + 1}" max="${at + 1}" width="${width}" customWidth="1"/>`)
  const pane = `<pane ySplit="${frozen}" topLeftCell="A${frozen + 1}" activePane="bottomLeft" state="frozen"/>`
  return (
    `${prolog}<worksheet xmlns="${namespace}"><sheetViews><sheetView workbookViewId="0">${frozen > 0 ? pane : ''}` +
    `</sheetView></sheetViews>${columns.length > 0 ? `<cols>${columns.join('')}</cols>` : ''}<sheetData>`
  )
}

function rowXml(row: number, cells: Cell[]): string {
  let xml = `<row r="${row}">`
  for (const [at, cell] of cells.entries()) if (cell) xml += cellXml(`${columnName(at)}${row}`, cell)
  return `${xml}</row>`
}

function cellXml(reference: string, cell: NonNullable<Cell>): string {
  const style = cell.style ? ` s="${styles.indexOf(cell.style)}"` : ''
  if ('number' in cell && cell.number.replace(/\D/g, '').replace(/^0+/, '').length <= exactDigits)
    return `<c r="${reference}"${style}><v>${cell.number}</v></c>`
  const text = 'number' in cell ? cell.number : cell.text
  return `<c r="${reference}"${style} t="inlineStr"><is><t xml:space="preserve">${xmlText(text)}</t></is></c>`
}

const columnNames: string[] = []
function columnName(at: number): string {
  const known = columnNames[at]
  if (known !== undefined) return known
  const letter = String.fromCharCode(65 + (at % 26))
  const name = at < 26 ? letter : columnName(Math.floor(at / 26) - 1) + letter
  columnNames[at] = name
  return name
}

const special = /[&<>\r]|_(?=x[0-9a-fA-F]{4}_)/g
const replacements: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;', _: '_x005F_' }
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** Text of an element; `_x0041_` would be read as an escaped letter, and control characters are none of XML's. */
const xmlText = (text: string): string =>
  text
    .slice(0, textOfCell)
    .toWellFormed()
    .replace(unwritable, '\ufffd')
    .replace(special, found => replacements[found] ?? found)

const attribute = (text: string): string => xmlText(text).replaceAll('"', '&quot;')

/** Names of sheets are short and without some characters. */
const sheetName = (name: string): string => attribute(name.replace(/[\][*?:/\\]/g, ' ').slice(0, 31))

function* frameParts(names: readonly string[]): Generator<[path: string, xml: string]> {
  const type = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
  const each = (write: (number: number, name: string) => string) =>
    names.map((name, at) => write(at + 1, name)).join('')
  yield [
    'xl/workbook.xml',
    `<workbook xmlns="${namespace}" xmlns:r="${office}"><sheets>` +
      `${each((number, name) => `<sheet name="${sheetName(name)}" sheetId="${number}" r:id="rId${number}"/>`)}` +
      '</sheets></workbook>',
  ]
  const stylesId = names.length + 1
  const sheetRelation = (number: number) =>
    `<Relationship Id="rId${number}" Type="${office}/worksheet" Target="worksheets/sheet${number}.xml"/>`
  yield [
    'xl/_rels/workbook.xml.rels',
    `<Relationships xmlns="${packaged}/relationships">${each(sheetRelation)}` +
      `<Relationship Id="rId${stylesId}" Type="${office}/styles" Target="styles.xml"/></Relationships>`,
  ]
  yield ['xl/styles.xml', styleSheet()]
  yield [
    '_rels/.rels',
    `<Relationships xmlns="${packaged}/relationships"><Relationship Id="rId1" Type="${office}/officeDocument" ` +
      'Target="xl/workbook.xml"/></Relationships>',
  ]
  const sheetType = (number: number) =>
    `<Override PartName="/xl/worksheets/sheet${number}.xml" ContentType="${type}.worksheet+xml"/>`
  yield [
    '[Content_Types].xml',
    `<Types xmlns="${packaged}/content-types">` +
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
      '<Default Extension="xml" ContentType="application/xml"/>' +
      `<Override PartName="/xl/workbook.xml" ContentType="${type}.sheet.main+xml"/>` +
      `<Override PartName="/xl/styles.xml" ContentType="${type}.styles+xml"/>${each(sheetType)}</Types>`,
  ]
}

/** Formats 3 and 4 are built in: whole numbers and such with two decimals, in groups of three. */
const formats: Record<CellStyle, { format: number; font: number }> = {
  text: { format: 49, font: 0 },
  head: { format: 49, font: 1 },
  title: { format: 49, font: 2 },
  integer: { format: 3, font: 0 },
  amount0: { format: 3, font: 0 },
  amount2: { format: 4, font: 0 },
  amount3: { format: 164, font: 0 },
  amount4: { format: 165, font: 0 },
}

function styleSheet(): string {
  const cells = styles.map(style => {
    const { format, font } = formats[style]
    return `<xf numFmtId="${format}" fontId="${font}" fillId="0" borderId="0" applyNumberFormat="1" applyFont="1"/>`
  })
  const font = (size: number, bold: boolean) =>
    `<font>${bold ? '<b/>' : ''}<sz val="${size}"/><name val="Calibri"/></font>`
  return (
    `<styleSheet xmlns="${namespace}"><numFmts count="2"><numFmt numFmtId="164" formatCode="#,##0.000"/>` +
    '<numFmt numFmtId="165" formatCode="#,##0.0000"/></numFmts>' +
    `<fonts count="3">${font(11, false)}${font(11, true)}${font(14, true)}</fonts>` +
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>' +
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>' +
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>' +
    `<cellXfs count="${cells.length}">${cells.join('')}</cellXfs></styleSheet>`
  )
}
