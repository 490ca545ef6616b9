import type { Readable } from 'node:stream'
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import type { DroppedFile } from '../../schemas/drop.ts'
import { Conflict } from '../kernel/refusal.ts'

/** The bucket of the file drop, as far as the verb needs it. */
export type DropBucket = {
  /** The object's bytes from `from` on; undefined where it is gone. */
  open(file: DroppedFile, from?: number): Promise<OpenedObject | undefined>
  /** A small object and its tag. */
  read(key: string): Promise<{ text: string; tag: string } | undefined>
  /**
   * Writes an object and gives its tag; with `when`, only where it is still the one of that tag, or none yet.
   * @throws Conflict when somebody else wrote it
   */
  put(key: string, text: string, when?: { tag: string } | 'absent'): Promise<string>
}

/** `close` gives the connection back where the bytes are not read. */
export type OpenedObject = { bytes: AsyncIterable<Uint8Array>; length: number; close: () => void }

/** A local stand-in is named by an endpoint, and has no address for each bucket. */
export const s3Client = (config: S3ClientConfig): S3Client =>
  new S3Client({ ...config, forcePathStyle: config.endpoint !== undefined })

/** Only this module knows S3. */
export function dropBucket(s3: S3Client, bucket: string): DropBucket {
  async function get(input: { Key: string; VersionId?: string; Range?: string }) {
    try {
      return await s3.send(new GetObjectCommand({ Bucket: bucket, ...input }))
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined
      throw error
    }
  }

  return {
    async open({ key, version }, from = 0) {
      const range = from > 0 ? { Range: `bytes=${from}-` } : {}
      const answer = await get({ Key: key, VersionId: version, ...range })
      if (!answer) return undefined
      const length = answer.ContentLength ?? 0
      const body = bodyOf(answer)
      return { length, bytes: whole(body, length), close: () => body.destroy() }
    },
    async read(key) {
      const answer = await get({ Key: key })
      return answer && { text: await bodyOf(answer).transformToString(), tag: answer.ETag ?? '' }
    },
    async put(key, text, when) {
      const condition = when === 'absent' ? { IfNoneMatch: '*' } : when && { IfMatch: when.tag }
      const input = { Bucket: bucket, Key: key, Body: text, ContentType: 'application/json', ...condition }
      try {
        const { ETag = '' } = await s3.send(new PutObjectCommand(input))
        return ETag
      } catch (error) {
        // 412: another one is there. 409: somebody is writing at this moment.
        const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
        throw when && (status === 412 || status === 409) ? new Conflict([0]) : error
      }
    },
  }
}

function bodyOf({ Body }: GetObjectCommandOutput) {
  if (!Body) throw new Error('S3 answered without a body')
  return Body as typeof Body & Readable
}

/** A connection that ends early must not pass for a file that does. */
async function* whole(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let received = 0
  for await (const part of source) {
    received += part.byteLength
    yield part
  }
  if (received !== length) throw new Error(`the object ended after ${received} of ${length} bytes`)
}
