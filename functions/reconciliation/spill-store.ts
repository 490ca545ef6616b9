import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import * as z from 'zod'
import { passOverConflict, put, recordType, type Table } from '../kernel/table.ts'
import type { Spill } from './spill.ts'

const slice = recordType(
  'run-spill',
  z.strictObject({
    index: z.int().min(0),
    /** Slices of the piece. */
    of: z.int().min(1),
    /** Gzip-compressed. */
    data: z.instanceof(Uint8Array),
  }),
)

/** Uncompressed, so that borders do not depend on the compressor; what gzip cannot shrink stays under 380 KB. */
const sliceBytes = 370_000
const keepSeconds = 7 * 86_400
/** A change of what the pieces hold makes other names. */
const version = 1
const compress = promisify<Uint8Array, { level: number }, Buffer<ArrayBuffer>>(gzip)
const inflate = promisify<Uint8Array, { maxOutputLength: number }, Buffer<ArrayBuffer>>(gunzip)

const writesAtOnce = 8
const marker = 'done'

type Needs = { table: Table /** Epoch seconds of a clock that nobody moves. */; wallSeconds: () => number }

/**
 * A spill in the table, for runs that resume: the name of the run stands for all that its result depends on. Each piece
 * has a partition of its own, create-only. A step that is complete has a marker, written last, that names its pieces; a
 * week later the table drops them all.
 */
export function tableSpill(needs: Needs, { run }: { run: string }): Spill {
  const nameOf = (step: string, part: string) => `SPILL#${run}#${version}#${step}#${part}`
  return {
    async write(step, parts) {
      for (let start = 0; start < parts.length; start += writesAtOnce) {
        const some = parts.slice(start, start + writesAtOnce)
        await Promise.all(some.map(([part, bytes]) => writePiece(needs, nameOf(step, part), bytes)))
      }
      const names = Buffer.from(JSON.stringify(parts.map(([part]) => part)))
      await writePiece(needs, nameOf(step, marker), names)
    },
    async parts(step) {
      const bytes = await readPiece(needs, nameOf(step, marker))
      return bytes && new Set(JSON.parse(bytes.toString()) as string[])
    },
    async read(step, part) {
      const bytes = await readPiece(needs, nameOf(step, part))
      if (!bytes)
        throw new Error(
          `piece ${part} of step ${step} of run ${run} has expired; begin the run once its steps have, too`,
        )
      return bytes
    },
    async close() {},
  }
}

async function writePiece({ table, wallSeconds }: Needs, pk: string, bytes: Uint8Array): Promise<void> {
  const of = Math.max(1, Math.ceil(bytes.byteLength / sliceBytes))
  for (let index = 0; index < of; index++) {
    const data = await compress(bytes.subarray(index * sliceBytes, (index + 1) * sliceBytes), { level: 1 })
    const key = { pk, sk: String(index).padStart(6, '0') }
    const ttl = wallSeconds() + keepSeconds
    await table.write(put(slice, key, { index, of, data }, { when: 'absent', ttl })).catch(passOverConflict)
  }
}

async function readPiece({ table }: Needs, partition: string): Promise<Buffer | undefined> {
  const slices: Uint8Array[] = []
  let expected = 0
  for await (const { index, of, data } of table.each(slice, { partition })) {
    // One that expired leaves others behind: the piece is gone.
    if (index !== slices.length) return undefined
    expected = of
    slices.push(await inflate(data, { maxOutputLength: sliceBytes }))
  }
  return slices.length > 0 && slices.length === expected ? Buffer.concat(slices) : undefined
}
