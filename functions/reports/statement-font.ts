import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { inflateSync } from 'node:zlib'

/** Noto Sans SC, which has the Latin and the Chinese letters of a statement: a bundle has the file beside it. */
export const statementFontFile = 'noto-sans-sc.woff'
export const installedStatementFont = '@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-400-normal.woff'

let font: Promise<Buffer> | undefined

/**
 * The font as TrueType, unpacked once: of a packed one the writer of PDF would unpack everything again for each letter
 * (WOFF), or embed all of it instead of the letters in use (WOFF2).
 * @throws when the file is neither beside the bundle nor installed
 */
export function statementFont(): Promise<Buffer> {
  font ??= readFont().then(unpackedFont)
  return font
}

async function readFont(): Promise<Buffer> {
  try {
    return await readFile(new URL(statementFontFile, import.meta.url))
  } catch {
    return readFile(createRequire(import.meta.url).resolve(installedStatementFont))
  }
}

const headerSize = { woff: 44, sfnt: 12 }
const entrySize = { woff: 20, sfnt: 16 }

/** WOFF 1.0 is the tables of a font, each of them packed by zlib where that makes it smaller. */
function unpackedFont(woff: Buffer): Buffer {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('the font of statements is not WOFF')
  const count = woff.readUInt16BE(12)
  const header = Buffer.alloc(headerSize.sfnt + count * entrySize.sfnt)
  woff.copy(header, 0, 4, 8)
  header.writeUInt16BE(count, 4)
  const power = Math.floor(Math.log2(count))
  header.writeUInt16BE(16 * 2 ** power, 6)
  header.writeUInt16BE(power, 8)
  header.writeUInt16BE(16 * (count - 2 ** power), 10)
  const tables: Buffer[] = []
  let end = header.length
  for (let at = 0; at < count; at++) {
    const from = headerSize.woff + at * entrySize.woff
    const [offset, packed, size] = [from + 4, from + 8, from + 12].map(place => woff.readUInt32BE(place))
    const stored = woff.subarray(offset, (offset ?? 0) + (packed ?? 0))
    const table = packed === size ? stored : inflateSync(stored)
    const to = headerSize.sfnt + at * entrySize.sfnt
    woff.copy(header, to, from, from + 4)
    woff.copy(header, to + 4, from + 16, from + 20)
    header.writeUInt32BE(end, to + 8)
    header.writeUInt32BE(table.length, to + 12)
    const padding = Buffer.alloc((4 - (table.length % 4)) % 4)
    tables.push(table, padding)
    end += table.length + padding.length
  }
  return Buffer.concat([header, ...tables])
}
