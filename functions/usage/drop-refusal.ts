import { createHash } from 'node:crypto'
import type { DroppedFile, DropRefusal } from '../../schemas/drop.ts'
import type { Now } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { DropBucket } from './drop-bucket.ts'
import type { DropRefused } from './drop-lines.ts'

type Needs = { bucket: DropBucket; now: Now; log: Log }

/** Writes why a file was not taken, or no further, to `refused/…` beside it. */
export async function refuseDrop(
  { bucket, now, log }: Needs,
  file: DroppedFile,
  { code, message, batches }: DropRefused,
): Promise<DropRefusal> {
  const { key, version } = file
  const refusal: DropRefusal = { state: 'refused', file, at: now(), code, detail: message, batches }
  const rest = key.replace(/^incoming\//, '')
  // What a key holds is up to the sender; a name of another form is told by its hash, and the record has the key itself.
  const isPlain = /^(?:[\w=][\w=.-]*\/)*[\w=][\w=.-]*$/.test(rest) && key.length <= 800
  const name = isPlain ? rest : `-/${createHash('sha256').update(key).digest('hex')}`
  await bucket.put(`refused/${name}.${encodeURIComponent(version)}.json`, JSON.stringify(refusal))
  log('warn', 'drop-refused', { code, version })
  return refusal
}
