import { rm } from 'node:fs/promises'
import type { UsageReceipt } from '../reporter-receipt.ts'
import { type GrowingFile, openGrowing, openReplaced } from './kept-file.ts'
import { type FoundLine, firstFound } from './malformed.ts'
import type { SendSettings } from './send-options.ts'
import type { FilePart } from './split.ts'
import { type Intent, judgeResumption, NOTHING_DONE, readState, type SendState, STATE_FORM } from './state.ts'

/** What one part came to, for the books. */
export interface Entry {
  readonly part: FilePart
  /** Absent where the part had nothing to send. */
  readonly receipt: UsageReceipt | undefined
  readonly found: readonly FoundLine[]
  readonly next: Pick<SendState, 'done'> & Pick<Partial<SendState>, 'chain'>
}

/**
 * The books of a run: receipts and malformed lines, each in a file that grows, and the state, which accounts for both.
 * They are written in this order, so a run that is killed in between has at worst lines that no state speaks of; the
 * next run cuts them off and gets the same receipt for the same bytes.
 */
export interface Ledger {
  state(): SendState
  /** The first malformed lines of the file, earlier runs' included. */
  first(): Promise<readonly FoundLine[]>
  readonly receiptsPath: string
  readonly malformedPath: string
  /** @throws SendingStopped when another run has written meanwhile */
  enter(entry: Entry): Promise<void>
  /** The whole file is delivered. */
  complete(): Promise<void>
  close(): Promise<void>
}

/** @throws WrongUsage where an earlier run's state does not fit, or the files cannot be written */
export async function openLedger(
  settings: Pick<SendSettings, 'statePath' | 'beside' | 'restart'>,
  intent: Intent,
): Promise<Ledger> {
  const { statePath, beside, restart } = settings
  const kept = statePath === undefined ? undefined : await openReplaced(statePath)
  const left = statePath === undefined ? undefined : readState(statePath, kept?.text)
  const before = restart ? undefined : left
  if (statePath !== undefined && before !== undefined) judgeResumption(statePath, before, intent)
  // Receipts are what counts in a dispute: those of an earlier sending stay.
  const receipts = await openGrowing(`${beside}.receipts.ndjson`, before?.kept.receipts ?? 'all')
  const malformed = await openGrowing(`${beside}.malformed.ndjson`, before?.kept.malformed ?? 0)
  let state: SendState = before ?? {
    ...{ form: STATE_FORM, ...intent, done: NOTHING_DONE, isComplete: false },
    kept: { receipts: receipts.length(), malformed: 0 },
  }

  // Before the first line is added, the state must know what was in the files before it.
  let isKept = before !== undefined
  async function settle(next: Partial<SendState>): Promise<void> {
    state = { ...state, ...next, kept: { receipts: receipts.length(), malformed: malformed.length() } }
    await kept?.replace(`${JSON.stringify(state, null, 2)}\n`)
    isKept = true
  }

  async function begin(): Promise<void> {
    await settle({})
    // What an earlier sending found is found again; its receipts stay.
    await rm(malformed.path, { force: true })
  }

  return {
    state: () => state,
    receiptsPath: receipts.path,
    malformedPath: malformed.path,
    async enter({ part, receipt, found, next }) {
      await kept?.check()
      if (!isKept) await begin()
      if (receipt !== undefined) await receipts.append(`${JSON.stringify(receiptLine(part, receipt))}\n`)
      await appendAll(malformed, found)
      await settle(next)
    },
    async complete() {
      await kept?.check()
      if (malformed.length() === 0) await rm(malformed.path, { force: true })
      await settle({ isComplete: true })
    },
    first: () => firstFound(malformed.path, malformed.length()),
    async close() {
      await receipts.close()
      await malformed.close()
    },
  }
}

function receiptLine({ lines }: FilePart, receipt: UsageReceipt): object {
  const { batchId, sequence, digest, malformed, quantity, token } = receipt
  const [fromLine, toLine] = [lines[0]?.line, lines.at(-1)?.line]
  return { batchId, sequence, fromLine, toLine, lines: lines.length, malformed, quantity, digest, receipt: token }
}

async function appendAll(file: GrowingFile, found: readonly FoundLine[]): Promise<void> {
  if (found.length > 0) await file.append(found.map(line => `${JSON.stringify(line)}\n`).join(''))
}
