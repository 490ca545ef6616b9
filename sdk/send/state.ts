import { createHash } from 'node:crypto'
import { judgeChain, type ReceiptChain } from '../reporter-chain.ts'
import { isRecord } from '../reporter-event.ts'
import type { SendTarget } from './send-options.ts'
import type { FileIdentity } from './source.ts'
import type { FilePart, SplitLimits } from './split.ts'
import { WrongUsage } from './wrong-usage.ts'

/** How far the sending of a file has come: everything up to here is signed for, and its receipts are kept. */
export interface SendState {
  readonly form: typeof STATE_FORM
  /** Absent for standard input. */
  readonly file?: FileIdentity
  readonly target: SendTarget
  readonly limits: SplitLimits
  readonly done: Done
  /** Where the chain of receipts began and ended with this file. */
  readonly chain?: { readonly first: ReceiptChain; readonly last: ReceiptChain }
  /** Lengths of the files beside, in bytes. */
  readonly kept: { readonly receipts: number; readonly malformed: number }
  /** The whole file is delivered. */
  readonly isComplete: boolean
}

export interface Done {
  readonly batches: number
  /** Lines sent. */
  readonly lines: number
  readonly malformed: number
  /** Lines longer than a batch, which were not sent. */
  readonly skipped: number
  /** Sum of the quantities that the receipts state. */
  readonly quantity: number
  /** Bytes sent, before compression. */
  readonly bytes: number
  /** Decoded bytes and lines of the file that are used up. */
  readonly offset: number
  readonly line: number
  /** SHA-256 over the digests of all batches so far, so that other content is noticed wherever it differs. */
  readonly trail: string
}

export const STATE_FORM = 'tessera-usage-send/1'
export const NOTHING_DONE: Done = {
  ...{ batches: 0, lines: 0, malformed: 0, skipped: 0, quantity: 0, bytes: 0, offset: 0, line: 0 },
  trail: '0'.repeat(64),
}

/** The trail after one more part. */
export function trailAfter(trail: string, { end, lines }: FilePart, digest: string): string {
  return createHash('sha256').update(`${trail} ${digest} ${lines.length} ${end.offset} ${end.line}`).digest('hex')
}

/**
 * The state that an earlier run left.
 * @throws WrongUsage where the file at `path` is none: it is somebody else's and must not be overwritten
 */
export function readState(path: string, text: string | undefined): SendState | undefined {
  if (text === undefined) return undefined
  const state = jsonOf(text)
  if (!isState(state)) {
    throw new WrongUsage(`${path} is no state of this command. Move it away, or name another file with --state`)
  }
  return state
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const hasCounts = (value: unknown, names: readonly string[]): value is Record<string, unknown> =>
  isRecord(value) && names.every(name => isCount(value[name]))
const hasTexts = (value: unknown, names: readonly string[]): boolean =>
  isRecord(value) && names.every(name => typeof value[name] === 'string')

function isState(value: unknown): value is SendState {
  if (!isRecord(value) || value['form'] !== STATE_FORM || typeof value['isComplete'] !== 'boolean') return false
  const { file, target, limits, done, chain, kept } = value
  const { trail, ...counts } = NOTHING_DONE
  return (
    (file === undefined || (hasCounts(file, ['size']) && hasTexts(file, ['name']))) &&
    hasTexts(target, ['issuer', 'client', 'audience']) &&
    hasCounts(limits, ['maxEvents', 'maxBytes']) &&
    hasCounts(done, Object.keys(counts)) &&
    typeof done['trail'] === typeof trail &&
    hasCounts(kept, ['receipts', 'malformed']) &&
    (chain === undefined || (isRecord(chain) && isChain(chain['first']) && isChain(chain['last'])))
  )
}

function isChain(value: unknown): boolean {
  try {
    return isRecord(value) && judgeChain(value as unknown as ReceiptChain) !== undefined
  } catch {
    return false
  }
}

/** What a run is about to do, as far as it must be the same as before. */
export type Intent = Pick<SendState, 'file' | 'target' | 'limits'>

/**
 * Whether a run may go on where the earlier one ended.
 * @throws WrongUsage that names what differs and what to do
 */
export function judgeResumption(path: string, state: SendState, { file, target, limits }: Intent): void {
  const { batches } = state.done
  const refuse = (what: string, instead: string): never => {
    const sent = state.isComplete ? 'was delivered whole' : `has ${batches} batches delivered`
    throw new WrongUsage(
      `${what}: ${path} speaks of a run that ${sent}. ${instead}, or begin anew with --restart: batches that the ` +
        'gateway has already are stored once, and an event in another batch counts once by its id',
    )
  }
  const { size, modifiedAt } = state.file ?? {}
  if ((state.file === undefined) !== (file === undefined) || size !== file?.size || modifiedAt !== file?.modifiedAt) {
    refuse('The file has changed since', 'Put the same file back')
  }
  for (const name of ['issuer', 'client', 'audience'] as const) {
    if (state.target[name] !== target[name]) {
      refuse(`The ${name} is another`, `Go on with --${name} ${state.target[name]}`)
    }
  }
  if (state.limits.maxEvents !== limits.maxEvents || state.limits.maxBytes !== limits.maxBytes) {
    const { maxEvents, maxBytes } = state.limits
    refuse('The limits of a batch are others', `Go on with --max-events ${maxEvents} --max-bytes ${maxBytes}`)
  }
}

export const changedSince = (path: string): WrongUsage =>
  new WrongUsage(
    `The content is not what was sent before, though ${path} knows its beginning: it has changed since. Put it back as ` +
      'it was, or begin anew with --restart',
  )
