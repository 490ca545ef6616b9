import { readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { History } from '../../functions/reconciliation/chain-run.ts'
import type { ChainSource, SourceBatch } from '../../functions/reconciliation/chain-source.ts'
import { findIn } from '../../functions/reconciliation/history.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'

/** A batch of the chain's file: where its lines lie, and what its manifest and chunks say of them. */
export type StoredBatch = Omit<SourceBatch, 'id' | 'oldestOpen'> & { malformed: number[]; at: number; bytes: number }

export const filesIn = (folder: string) => ({
  /** NDJSON, a line for each event, batch after batch. */
  chain: join(folder, 'chain.ndjson'),
  /** NDJSON of `StoredBatch`. */
  batches: join(folder, 'batches.ndjson'),
  /** NDJSON of history entries, bucket after bucket. */
  entitlements: join(folder, 'entitlements.ndjson'),
  /** JSON: where each bucket lies. */
  buckets: join(folder, 'buckets.json'),
})

async function slice(file: FileHandle, at: number, bytes: number): Promise<string> {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  const { bytesRead } = await file.read(buffer, 0, bytes, at)
  if (bytesRead !== bytes) throw new Error(`the bench's file ends before byte ${at + bytes}`)
  return buffer.toString()
}

const linesIn = (text: string): string[] => (text === '' ? [] : text.slice(0, -1).split('\n'))

export type ChainFiles = AsyncDisposable & { source: ChainSource; history: History; upTo: number; buckets: number }

/** A chain and a frozen history that lie in files: a batch and a bucket are read when they are asked for. */
export async function openChain(folder: string, oldestOpen: Record<string, Period>): Promise<ChainFiles> {
  const files = filesIn(folder)
  const batches = linesIn(readFileSync(files.batches, 'utf8')).map(line => JSON.parse(line) as StoredBatch)
  const buckets = JSON.parse(readFileSync(files.buckets, 'utf8')) as { at: number; bytes: number }[]
  const [chain, entitlements] = await Promise.all([open(files.chain), open(files.entitlements)])
  const bucket: History['bucket'] = async index => {
    const { at, bytes } = buckets[index] ?? { at: 0, bytes: 0 }
    const entries = linesIn(await slice(entitlements, at, bytes)).map(line => JSON.parse(line) as HistoryEntry)
    return new Map(entries.map(entry => [entry.id, entry]))
  }
  return {
    upTo: batches.length,
    buckets: buckets.length,
    source: {
      async *batches({ from, upTo }) {
        for (const { sequence, lines, receivedAt } of batches.slice(from - 1, upTo))
          yield { id: String(sequence), sequence, lines, receivedAt, oldestOpen }
      },
      async *pieces({ sequence }) {
        const batch = batches[sequence - 1]
        if (!batch) throw new Error(`the chain has no batch ${sequence}`)
        yield { firstLine: 1, texts: linesIn(await slice(chain, batch.at, batch.bytes)), malformed: batch.malformed }
      },
    },
    history: {
      bucket,
      find: ids => findIn(bucket, ids),
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([chain.close(), entitlements.close()])
    },
  }
}
