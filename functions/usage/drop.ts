import {
  type DropLimits,
  type DroppedBatch,
  type DroppedFile,
  type DropRefusal,
  DropResult,
  dropLimits,
} from '../../schemas/drop.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import { isBefore, plusSeconds } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { Conflict, Refusal } from '../kernel/refusal.ts'
import type { DropBucket } from './drop-bucket.ts'
import { after, DropRefused, inflated, measure, type Slice, slicesOf, tooLarge } from './drop-lines.ts'
import { refuseDrop } from './drop-refusal.ts'
import { readBatch } from './read-batch.ts'
import { type ReceiveNeeds, storeBatch } from './receive.ts'

export type DropNeeds = ReceiveNeeds & {
  bucket: DropBucket
  isPartner: (id: string) => Promise<boolean>
  log: Log
  /** Until the process is stopped. */
  remainingMilliseconds: () => number
  /** Waits a moment, each time another one, before a batch that met too many rivals is tried again. */
  pause: () => Promise<void>
  limits?: DropLimits
}

/** The work is not done, and goes on where it stopped as soon as the event is delivered again. */
export class Unfinished extends Error {
  override readonly name = 'Unfinished'
}

/** Longer than any batch takes, retries included. */
const enoughMilliseconds = 60_000
/** A run that died gives its file free after this time, before the last delivery of its event, three minutes later. */
const holdSeconds = 120
const renewSeconds = 30

/**
 * Stores an uploaded file as batches of the partner whose prefix it lies under, each by the verb that requests go through,
 * and writes what became of it beside: `receipts/…` with the receipts and the malformed lines, or `refused/…` with the
 * reason. A file is read once to its end before anything of it is stored. Batches follow from its lines alone, so the
 * same event again, or a run that takes over from a dead one, stores nothing twice.
 * @returns undefined for what is no file: a folder's placeholder, or an object that is gone
 * @throws Unfinished when time is short or another run is at work on the file; deliver the event again
 */
export async function receiveDrop(needs: DropNeeds, file: DroppedFile): Promise<DropResult | DropRefusal | undefined> {
  if (file.key.endsWith('/')) return undefined
  try {
    const target = targetOf(file)
    if (!(await needs.isPartner(target.partner)))
      throw new DropRefused('partner-not-found', `there is no partner ${target.partner}; register it and upload again`)
    const run = await beginOrResume(needs, file, target)
    if (run?.result.state !== 'receiving') return run?.result
    return await storeRest(needs, target, run)
  } catch (error) {
    if (error instanceof DropRefused) return refuseDrop(needs, file, error)
    throw error
  }
}

type Target = { partner: string; gzip: boolean; resultKey: string }

const pattern = /^incoming\/([^/]+)\/((?:[\w=][\w=.-]*\/)*[\w=][\w=.-]*\.ndjson(\.gz)?)$/

/** Who a file is from is told by its prefix alone, which is what the bucket lets a partner write to. */
function targetOf({ key, version }: DroppedFile): Target {
  const [, partner = '', name = '', gz] = pattern.exec(key) ?? []
  if (!Slug.safeParse(partner).success || key.length > 800)
    throw new DropRefused(
      'wrong-key',
      'a file is named incoming/{partner}/{name}.ndjson or .ndjson.gz; a name has letters, digits and = . _ - and may ' +
        'have folders; at most 800 characters in all',
    )
  return {
    partner,
    gzip: gz !== undefined,
    resultKey: `receipts/${partner}/${name}.${encodeURIComponent(version)}.json`,
  }
}

type Run = { result: DropResult; tag: string | undefined }
const atWork = () => new Unfinished('another run is at work on the file')

/** Where an earlier run stopped, or the first reading of the file; undefined when it is gone. */
async function beginOrResume(needs: DropNeeds, file: DroppedFile, target: Target): Promise<Run | undefined> {
  const limits = needs.limits ?? dropLimits
  const noted = await needs.bucket.read(target.resultKey)
  const known = noted && DropResult.safeParse(jsonOf(noted.text))
  if (known?.success) {
    const { heldUntil, ...result } = known.data
    if (heldUntil !== undefined && isBefore(needs.wallNow(), heldUntil)) throw atWork()
    return { result, tag: noted?.tag }
  }
  const opened = await needs.bucket.open(file)
  if (!opened) {
    needs.log('warn', 'drop-gone', { partner: target.partner, version: file.version })
    return undefined
  }
  if (opened.length > limits.bytes) {
    opened.close()
    throw tooLarge(limits)
  }
  const found = await measure(target.gzip ? inflated(opened.bytes, limits) : opened.bytes, limits)
  if (found.lines === found.blankLines) throw new DropRefused('empty-batch', 'the file has no lines')
  const result: DropResult = {
    state: 'receiving',
    partner: target.partner,
    file,
    at: needs.now(),
    found,
    done: { bytes: 0, lines: 0 },
    lines: 0,
    quantity: 0,
    malformedLines: 0,
    batches: [],
    malformed: [],
  }
  return { result, tag: noted?.tag }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function storeRest(needs: DropNeeds, target: Target, run: Run): Promise<DropResult> {
  const limits = needs.limits ?? dropLimits
  const save = noting(needs, target.resultKey, run.tag)
  let { result } = run
  let noted = result
  let renewAt = plusSeconds(needs.wallNow(), renewSeconds)
  try {
    // What the first reading found need not be found again, and who delivers the event again meanwhile is told to wait.
    await save(result, 'held')
    for await (const slice of slicesOf(await rest(needs, target, result), result.done, limits)) {
      if (needs.remainingMilliseconds() < enoughMilliseconds) throw new Unfinished('time is short')
      const receipt = await receiveWhenFree(needs, target.partner, slice)
      result = await withBatch(needs, target, result, slice, receipt)
      const isDue = !isBefore(needs.wallNow(), renewAt)
      if (isDue || result.batches.length - noted.batches.length >= limits.batchesPerNote) {
        await save(result, 'held')
        noted = result
        renewAt = plusSeconds(needs.wallNow(), renewSeconds)
      }
    }
    return await completed(needs, save, result)
  } catch (error) {
    if (error instanceof Conflict) throw atWork()
    // The next run goes on from here, at once; if not even this can be written, at the note before and a little later.
    await save(result).catch(() => undefined)
    if (error instanceof Refusal || error instanceof DropRefused)
      throw new DropRefused(error.code, error.message, result.batches)
    throw error
  }
}

async function completed(needs: DropNeeds, save: Save, result: DropResult): Promise<DropResult> {
  const { bytes, lines: all } = result.found
  const complete: DropResult = { ...result, state: 'complete', done: { bytes, lines: all } }
  await save(complete)
  const { partner, lines, malformedLines, batches } = complete
  needs.log('info', 'drop-complete', { partner, lines, malformedLines, batches: batches.length })
  return complete
}

type Save = (result: DropResult, held?: 'held') => Promise<void>

/** Writes the result over the one it was made from: of two runs at once only one goes on. */
function noting({ bucket, now, wallNow }: DropNeeds, key: string, first: string | undefined): Save {
  let tag = first
  return async (result, held) => {
    const hold = held && { heldUntil: plusSeconds(wallNow(), holdSeconds) }
    const text = JSON.stringify(DropResult.parse({ ...result, at: now(), ...hold }))
    tag = await bucket.put(key, text, tag === undefined ? 'absent' : { tag })
  }
}

/** The bytes that are not done with. A compressed file has to be inflated from its beginning. */
async function rest({ bucket, limits = dropLimits }: DropNeeds, { gzip }: Target, { file, done, found }: DropResult) {
  if (done.bytes >= found.bytes) return after(nothing(), 0)
  const opened = await bucket.open(file, gzip ? 0 : done.bytes)
  if (!opened) throw new DropRefused('file-gone', 'the file was removed before all of it was stored')
  return gzip ? after(inflated(opened.bytes, limits), done.bytes) : opened.bytes
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Stores a slice as requests are stored; a chain that many write to at once is waited for. */
async function receiveWhenFree(needs: DropNeeds, partner: string, { body }: Slice): Promise<Received> {
  const batch = await readBatch({ body, mediaType: 'application/x-ndjson' })
  for (;;) {
    try {
      return { ...(await storeBatch(needs, partner, batch)), quantity: batch.quantity }
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'busy')) throw error
      if (needs.remainingMilliseconds() < enoughMilliseconds) throw new Unfinished('time is short')
      await needs.pause()
    }
  }
}

type Received = BatchReceipt & { quantity: number }

async function withBatch(
  { bucket, limits = dropLimits }: DropNeeds,
  { resultKey }: Target,
  result: DropResult,
  { numbers, end }: Slice,
  { id, sequence, lines, quantity, malformed: told, receipt }: Received,
): Promise<DropResult> {
  const malformed = told.map(({ line, errors }) => ({ line: numbers[line - 1] ?? line, errors }))
  const number = result.batches.length + 1
  const hasRoom = result.malformed.length + malformed.length <= limits.told
  const malformedIn = resultKey.replace(/json$/, `malformed-${String(number).padStart(6, '0')}.json`)
  if (!hasRoom) await bucket.put(malformedIn, JSON.stringify({ file: result.file, batch: id, malformed }))
  const batch: DroppedBatch = {
    id,
    sequence,
    firstLine: numbers[0] ?? 1,
    lastLine: numbers.at(-1) ?? 1,
    lines,
    quantity,
    malformed: malformed.length,
    ...(!hasRoom && { malformedIn }),
    receipt,
  }
  return {
    ...result,
    done: end,
    lines: result.lines + lines,
    // For people to look at: it stands still rather than fail at the end of the exact integers.
    quantity: Math.min(result.quantity + quantity, Number.MAX_SAFE_INTEGER),
    malformedLines: result.malformedLines + malformed.length,
    batches: [...result.batches, batch],
    malformed: hasRoom ? [...result.malformed, ...malformed] : result.malformed,
  }
}
