import { Buffer } from 'node:buffer'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { SendingStopped, WrongUsage } from './wrong-usage.ts'

/** By what a file is known again; what it holds is compared besides, batch by batch. */
export interface FileIdentity {
  readonly name: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
}

/** A file of events, or standard input; gzip is known by its first bytes. */
export interface UsageSource {
  readonly label: string
  /** Absent for standard input. */
  readonly identity: FileIdentity | undefined
  /** Bytes read so far, before decompression. */
  bytesRead(): number
  /**
   * What it holds, decompressed.
   * @throws WrongUsage where it is no text in UTF-8 at all; SendingStopped where it cannot be read to its end
   */
  chunks(): AsyncGenerator<Buffer>
  close(): Promise<void>
}

const CHUNK_BYTES = 262_144
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b])
const UTF_16_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]

/** @throws WrongUsage that says why the file cannot be read */
export async function openSource(path: string, stdin: NodeJS.ReadStream): Promise<UsageSource> {
  if (path === '-') return standardInput(stdin)
  const found = await stat(path).catch(error => refuseFile(path, error))
  if (found.isDirectory()) throw new WrongUsage(`${path} is a directory; name one file of it`)
  if (!found.isFile())
    throw new WrongUsage(`${path} is no regular file; send it through standard input, with - as FILE`)
  const handle = await open(path, 'r').catch(error => refuseFile(path, error))
  const { size, mtimeMs: modifiedAt } = await handle.stat()
  let read = 0
  return {
    label: path,
    identity: { name: basename(path), size, modifiedAt },
    bytesRead: () => read,
    chunks: () =>
      decoded(
        path,
        wholeFile(path, handle, { size, modifiedAt }, bytes => {
          read += bytes
        }),
      ),
    close: () => handle.close(),
  }
}

function standardInput(stdin: NodeJS.ReadStream): UsageSource {
  if (stdin.isTTY) throw new WrongUsage('FILE is - and standard input is the terminal: pipe the events into it')
  let read = 0
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of stdin) {
      const bytes = Buffer.from(chunk)
      read += bytes.length
      yield bytes
    }
  }
  return {
    label: 'standard input',
    identity: undefined,
    bytesRead: () => read,
    chunks: () => decoded('standard input', counted()),
    close: async () => void stdin.destroy(),
  }
}

function refuseFile(path: string, error: NodeJS.ErrnoException): never {
  if (error.code === 'ENOENT') throw new WrongUsage(`${path} does not exist`)
  if (error.code === 'EACCES' || error.code === 'EPERM') throw new WrongUsage(`${path} may not be read by this user`)
  throw new WrongUsage(`${path} cannot be read: ${error.code ?? error.message}`)
}

/** The file as long as it was at the beginning; it must be the same at the end, or nobody knows what was sent. */
async function* wholeFile(
  path: string,
  handle: FileHandle,
  { size, modifiedAt }: Pick<FileIdentity, 'size' | 'modifiedAt'>,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let position = 0
  while (position < size) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position)
    const bytes = Math.min(bytesRead, size - position)
    if (bytes === 0) break
    position += bytes
    onRead(bytes)
    yield buffer.subarray(0, bytes)
  }
  const now = await handle.stat()
  if (position < size || now.size !== size || now.mtimeMs !== modifiedAt) {
    throw new SendingStopped(`${path} was changed while it was being sent: send files that nobody writes to any more`)
  }
}

async function* decoded(label: string, raw: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const [head, whole] = await withHead(raw)
  if (!GZIP_MAGIC.equals(head)) {
    refuseUtf16(label, head)
    yield* whole
    return
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  let given = 0
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const bytes of whole) {
      given += bytes.length
      yield bytes
    }
  }
  // Its failures come out of the loop below.
  pipeline(Readable.from(counted()), gunzip, () => undefined)
  let isFirst = true
  try {
    for await (const chunk of gunzip) {
      if (isFirst) refuseUtf16(label, chunk.subarray(0, 2))
      isFirst = false
      yield chunk
    }
  } catch (error) {
    throw gunzipFailure(label, error)
  }
  // At a zero byte behind a member the decompressor ends and says nothing of all that follows.
  if (gunzip.bytesWritten !== given) {
    throw new SendingStopped(
      `${label} has more behind the end of its gzip, at byte ${gunzip.bytesWritten}, than can be read: it is padded or ` +
        'was joined badly. Make it again, as one gzip or as several with nothing between them',
    )
  }
}

/** The first two bytes, and the whole with them. */
async function withHead(raw: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const first: Buffer[] = []
  let size = 0
  while (size < 2) {
    const { value, done } = await raw.next()
    if (done) break
    first.push(value)
    size += value.length
  }
  const begun = Buffer.concat(first)
  async function* whole(): AsyncGenerator<Buffer> {
    if (begun.length > 0) yield begun
    yield* raw
  }
  return [begun.subarray(0, 2), whole()]
}

function refuseUtf16(label: string, head: Buffer): void {
  if (!UTF_16_MARKS.some(mark => mark.equals(head))) return
  throw new WrongUsage(`${label} is UTF-16; NDJSON is UTF-8. Convert it: iconv -f UTF-16 -t UTF-8`)
}

function gunzipFailure(label: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') return new SendingStopped(`${label} is gzip that ends too early: it was cut off`)
  if (code.startsWith('Z_')) return new SendingStopped(`${label} is damaged gzip (${code}): make it again`)
  return error
}
