import { Buffer } from 'node:buffer'
import { constants } from 'node:fs'
import { access, type FileHandle, open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NEWLINE } from './line-bytes.ts'
import { SendingStopped, WrongUsage } from './wrong-usage.ts'

/** Lines that are only added; each addition is on disk when its promise resolves. */
export interface GrowingFile {
  readonly path: string
  /** Its length in bytes. */
  length(): number
  /** @throws SendingStopped when somebody else has written to the file meanwhile */
  append(text: string): Promise<void>
  close(): Promise<void>
}

/**
 * A file for adding lines, which is made with the first addition.
 * @param keep of its bytes: a number cuts off what a killed run has added and not accounted for. That is done with the
 * first addition too, since until then it may be a living rival's.
 * @throws WrongUsage when the file is shorter than that, or cannot be written
 */
export async function openGrowing(path: string, keep: number | 'all'): Promise<GrowingFile> {
  const found = await sizeOf(path)
  if (keep !== 'all' && found < keep) {
    throw new WrongUsage(`${path} has lost lines since the last run. Put it back, or begin anew with --restart`)
  }
  let length = keep === 'all' ? found : keep
  let handle: FileHandle | undefined

  async function opened(): Promise<FileHandle> {
    const fresh = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    if (keep !== 'all') await fresh.truncate(length)
    return fresh
  }

  return {
    path,
    length: () => length,
    async append(text) {
      handle ??= await opened()
      if ((await handle.stat()).size !== length) throw rival(path)
      // A run that was killed may have left half a line behind.
      const isBroken = length > 0 && (await lastByte(handle, length)) !== NEWLINE
      const bytes = Buffer.from(isBroken ? `\n${text}` : text)
      await writeWhole(path, handle, bytes, length)
      length += bytes.length
    },
    async close() {
      await handle?.close()
    },
  }
}

/**
 * A full disk takes a part of the bytes before it refuses the next: what is accounted for is there whole.
 * @throws SendingStopped where there is no room
 */
async function writeWhole(path: string, handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  try {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written)
      if (bytesWritten === 0) throw noRoom(path)
      written += bytesWritten
    }
    await handle.datasync()
  } catch (error) {
    await handle.truncate(position).catch(() => undefined)
    throw unwritable(path, error)
  }
}

const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const noRoom = (path: string) =>
  new SendingStopped(`there is no room on the disk for ${path}: make room, and nothing that was sent is lost`)
const unwritable = (path: string, error: unknown): unknown =>
  error instanceof Error && 'code' in error && NO_ROOM.has(error.code) ? noRoom(path) : error

/** 0 where there is no file yet. @throws WrongUsage when one could not be written */
async function sizeOf(path: string): Promise<number> {
  const refuse = (error: NodeJS.ErrnoException): never => {
    throw new WrongUsage(`${path} cannot be written: ${error.code}. With --state it may be in another folder`)
  }
  const found = await stat(path).catch(error => (error.code === 'ENOENT' ? undefined : refuse(error)))
  if (found !== undefined && !found.isFile()) throw new WrongUsage(`${path} is in the way: it is no file`)
  await access(found === undefined ? dirname(path) : path, constants.W_OK).catch(refuse)
  return found?.size ?? 0
}

async function lastByte(handle: FileHandle, length: number): Promise<number | undefined> {
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, length - 1)
  return buffer[0]
}

const rival = (path: string) =>
  new SendingStopped(
    `${path} was written by somebody else: is another run sending the same file? Let one of them do it`,
  )

const MAX_KEPT_BYTES = 65_536

/** A small file that is replaced whole: a reader finds the old text or the new one, also after a power cut. */
export interface ReplacedFile {
  /** @throws SendingStopped when the file is no longer what was read or written last */
  check(): Promise<void>
  /** @throws as `check` does */
  replace(text: string): Promise<void>
  /** What it held when it was opened. */
  readonly text: string | undefined
}

export async function openReplaced(path: string): Promise<ReplacedFile> {
  const text = await textOf(path)
  let known = text
  async function check(): Promise<void> {
    if ((await textOf(path)) !== known) throw rival(path)
  }
  return {
    text,
    check,
    async replace(next) {
      await check()
      const temporary = `${path}.new`
      await writeFresh(temporary, next).catch(error => {
        throw unwritable(path, error)
      })
      await rename(temporary, path)
      await syncFolder(dirname(path))
      known = next
    },
  }
}

async function writeFresh(path: string, text: string): Promise<void> {
  const handle = await open(path, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > MAX_KEPT_BYTES) return ''
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new WrongUsage(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** Makes the new name last. Where folders cannot be opened, as on Windows, the system sees to it. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
