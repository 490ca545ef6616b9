/**
 * A piece of the spill: columns of numbers and one JSON value, packed so that reading takes no more than a copy and
 * one parse. The JSON is text that its writer joined: it may hold lines as they were received.
 */
export type Piece = { counts: readonly Uint32Array[]; numbers: readonly Float64Array[]; json: string }

const wordBytes = 4
const lengthsAt = 2

export function packPiece({ counts, numbers, json }: Piece): Uint8Array {
  const header = Uint32Array.from([
    counts.length,
    numbers.length,
    ...counts.map(({ length }) => length),
    ...numbers.map(({ length }) => length),
  ])
  const columns = [header, ...counts, ...numbers].map(bytesOf)
  const size = columns.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const piece = Buffer.allocUnsafeSlow(size + Buffer.byteLength(json))
  let at = 0
  for (const column of columns) {
    piece.set(column, at)
    at += column.byteLength
  }
  piece.write(json, at)
  return piece
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array | Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

export function unpackPiece(bytes: Uint8Array): { counts: Uint32Array[]; numbers: Float64Array[]; json: string } {
  let at = 0
  const take = (byteLength: number): ArrayBuffer => {
    const from = at
    at += byteLength
    if (at > bytes.byteLength) throw new Error('a piece of the spill is cut off')
    // Copied, since a column has to begin at a multiple of its width.
    return Uint8Array.from(bytes.subarray(from, at)).buffer
  }
  const [counted = 0, numbered = 0] = new Uint32Array(take(lengthsAt * wordBytes))
  const lengths = new Uint32Array(take((counted + numbered) * wordBytes))
  const counts = Array.from(lengths.subarray(0, counted), length => new Uint32Array(take(length * wordBytes)))
  const numbers = Array.from(lengths.subarray(counted), length => new Float64Array(take(length * 2 * wordBytes)))
  return { counts, numbers, json: Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.byteLength - at).toString() }
}
