import { afterAll, beforeAll, beforeEach } from 'vitest'
import { silentLog } from '../../functions/kernel/log.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { type DropNeeds, receiveDrop } from '../../functions/usage/drop.ts'
import { dropBucket, s3Client } from '../../functions/usage/drop-bucket.ts'
import { eachLine } from '../../functions/usage/read.ts'
import { type DropLimits, type DroppedFile, DropRefusal, DropResult, dropLimits } from '../../schemas/drop.ts'
import { type S3, startS3 } from '../support/s3.ts'
import { freshTable } from '../support/table.ts'
import { eventFields, receiveNeeds } from './support.ts'

/** A file drop with a bucket and a table of its own, the real client of S3 between them. */
export function dropWorld() {
  let s3: S3
  let table: Table
  let needs: DropNeeds
  let keys: ReturnType<typeof receiveNeeds>['keys']
  beforeAll(async () => {
    s3 = await startS3()
  })
  afterAll(() => s3.stop())
  beforeEach(async () => {
    ;({ table } = await freshTable())
    const receiving = receiveNeeds(table)
    ;({ keys } = receiving)
    const credentials = { accessKeyId: 'drop', secretAccessKey: 'none' }
    const client = s3Client({ region: 'us-east-1', endpoint: s3.endpoint, credentials, maxAttempts: 1 })
    needs = {
      ...receiving.needs,
      bucket: dropBucket(client, s3.bucket),
      isPartner: async id => id === 'eleme' || id === 'youku',
      log: silentLog,
      remainingMilliseconds: () => 900_000,
      pause: async () => undefined,
    }
    for (const prefix of ['incoming/', 'receipts/', 'refused/']) for (const key of s3.keys(prefix)) s3.remove(key)
    s3.calls.length = 0
  })

  const drop = (file: DroppedFile, change: Partial<DropNeeds> = {}) => receiveDrop({ ...needs, ...change }, file)
  const upload = (key: string, body: Uint8Array | string): DroppedFile => ({ key, version: s3.upload(key, body) })
  const parsed = (key: string): unknown => JSON.parse(s3.textOf(key) ?? 'null')
  return {
    s3: () => s3,
    needs: () => needs,
    table: () => table,
    keys: () => keys,
    upload,
    drop,
    /** Uploads and receives. */
    send: (key: string, body: Uint8Array | string, change: Partial<DropNeeds> = {}) => drop(upload(key, body), change),
    resultOf: ({ key, version }: DroppedFile) =>
      DropResult.parse(parsed(`${key.replace(/^incoming/, 'receipts')}.${version}.json`)),
    refusalOf: ({ key, version }: DroppedFile) =>
      DropRefusal.parse(parsed(`${key.replace(/^incoming/, 'refused')}.${version}.json`)),
    /** Every line in the partner's chain. */
    stored: async (partner = 'eleme') =>
      (await Array.fromAsync(eachLine({ table }, { partner }))).map(({ text }) => text),
  }
}

/** Batches of ten lines, so that a short file has many. */
export const small: DropLimits = { ...dropLimits, batchLines: 10, batchesPerNote: 2 }

export const lineOf = (number: number): string => JSON.stringify(eventFields({ id: `e-${number}` }))
export const linesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => lineOf(index + 1))
export const fileOf = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('')
