import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { usageLimits } from '../../schemas/usage.ts'
import { Refusal } from '../kernel/refusal.ts'

/** How a body is coded on its way (RFC 9110 §8.4.1): not at all, or as gzip (RFC 1952). */
export type ContentCoding = 'identity' | 'gzip'
/** Bytes in the pieces in which they arrive. */
export type ByteStream = AsyncIterable<Uint8Array>

type Readers = {
  /** Each piece as it was sent, under its coding. */
  sent: (piece: Uint8Array) => void
  /** Each decoded piece; no more is read before it is done. */
  take: (piece: Buffer) => Promise<unknown> | undefined
}

const inflatedPiece = 65_536

/**
 * Reads a body to its end, piece by piece, and decodes it. What it decodes to is counted while it is decoded, so that a
 * few bytes that stand for gigabytes are cut off. Several gzip members one after another are one body (RFC 1952 §2.2);
 * anything else after the last one is refused.
 * @throws Refusal body-too-large; invalid-request for a broken or truncated coding and for a sender that broke off
 */
export async function readBody(body: ByteStream, coding: ContentCoding, { sent, take }: Readers): Promise<void> {
  const arriving = arrivals(body, sent)
  let decoded = 0
  const count = (bytes: number) => {
    decoded += bytes
    if (decoded > usageLimits.bytes) throw tooLarge()
  }
  if (coding === 'gzip') return gunzip(arriving, { count, take })
  for await (const piece of arriving) {
    count(piece.byteLength)
    await take(bufferOf(piece))
  }
}

type Arrivals = AsyncGenerator<Uint8Array>

/** A connection that breaks is the sender's affair and no fault of this program. */
async function* arrivals(body: ByteStream, sent: Readers['sent']): Arrivals {
  let bytes = 0
  const pieces = body[Symbol.asyncIterator]()
  let whole = false
  try {
    for (;;) {
      const next = await pieces.next().catch(() => {
        throw new Refusal('invalid-request', 'the body broke off before its end: nothing was stored, send it again')
      })
      whole = next.done === true
      if (whole) return
      const piece: Uint8Array = next.value
      bytes += piece.byteLength
      if (bytes > usageLimits.bytes) throw tooLarge()
      sent(piece)
      yield piece
    }
  } finally {
    if (!whole) await pieces.return?.().catch(() => undefined)
  }
}

type Decoding = { count: (bytes: number) => void; take: Readers['take'] }

async function gunzip(arriving: Arrivals, { count, take }: Decoding): Promise<void> {
  const inflater = createGunzip({ chunkSize: inflatedPiece })
  let given = 0
  async function* counted() {
    for await (const piece of arriving) {
      given += piece.byteLength
      yield piece
    }
  }
  const inflate = pipeline(counted, inflater, async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      count(piece.byteLength)
      await take(piece)
    }
  })
  await inflate.catch((error: unknown) => {
    const fault = faults[codeOf(error)]
    throw fault === undefined ? error : brokenGzip(fault)
  })
  // The inflater passes over zeros after the last member without a word.
  if (inflater.bytesWritten < given) throw brokenGzip(trailing)
}

const trailing = 'there are bytes after its end'
/** What zlib says of a body, by the code of its error. */
const faults: Record<string, string> = {
  Z_BUF_ERROR: 'it ends too early',
  Z_DATA_ERROR: 'it is no gzip or is damaged',
  Z_NEED_DICT: 'it needs a dictionary',
  ERR_STREAM_PREMATURE_CLOSE: trailing,
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const brokenGzip = (fault: string): Refusal =>
  new Refusal('invalid-request', `the body is not whole gzip (RFC 1952): ${fault}; nothing was stored`)

const tooLarge = (): Refusal =>
  new Refusal('body-too-large', `a batch has at most ${usageLimits.bytes} bytes, counted after decoding; split it`)

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const piece = 256 * 1024

/** Bytes that are there already, in pieces. */
export async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += piece) yield bytes.subarray(start, start + piece)
}
