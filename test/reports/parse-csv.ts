/** Reads CSV (RFC 4180) with its byte order mark into rows by header. @throws for what is none */
export function parseCsv(text: string): Record<string, string>[] {
  if (!text.startsWith('\ufeff')) throw new Error('no byte order mark')
  const rows: string[][] = []
  let row: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y
  cell.lastIndex = 1
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex
    const found = cell.exec(text)
    if (!found) throw new Error(`no CSV at ${at}`)
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '')
    if (found[3] === ',') continue
    rows.push(row)
    row = []
  }
  const [header = [], ...body] = rows
  return body.map(cells => {
    if (cells.length !== header.length) throw new Error(`${cells.length} cells under ${header.length} names`)
    return Object.fromEntries(header.map((name, at) => [name, cells[at] ?? '']))
  })
}
