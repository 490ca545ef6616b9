import type { Fetch } from '../bounded-fetch.ts'
import type { DeliveryNeeds } from '../reporter-delivery.ts'
import type { ReceiptChainBroken } from '../reporter-errors.ts'
import { deliveryNeeds } from '../reporter-options.ts'
import { dryRun, dryRunText } from './dry-run.ts'
import { type Ledger, openLedger } from './ledger.ts'
import { createProgress, type Progress } from './progress.ts'
import { sendFile } from './send-file.ts'
import { type Environment, type SendSettings, type SendTarget, secretOf, targetOf } from './send-options.ts'
import { adviceOf } from './send-text.ts'
import { openSource, type UsageSource } from './source.ts'
import { type SendSummary, summaryOf, summaryText } from './summary.ts'
import { WrongUsage } from './wrong-usage.ts'

/** The world around a run. */
export interface Surroundings {
  readonly env: Environment
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** The person wants it to stop. */
  readonly stop: AbortSignal
  readonly fetch: Fetch
}

export const EXIT = { delivered: 0, someMalformed: 1, wrongUsage: 2, undelivered: 3, stopped: 130 } as const

/** Reads and counts. @returns the exit code @throws WrongUsage, or why the file cannot be read to its end */
export async function runDry(settings: SendSettings, { stdin, stdout, stop }: Surroundings): Promise<number> {
  const source = await openSource(settings.file, stdin)
  const end = () => void source.close()
  stop.addEventListener('abort', end)
  try {
    const counted = await dryRun(source, settings.limits, () => stop.aborted)
    stdout.write(settings.json ? `${JSON.stringify(counted, null, 2)}\n` : dryRunText(counted))
    const { notJson, notEvents, skipped } = counted
    return notJson + notEvents + skipped > 0 ? EXIT.someMalformed : EXIT.delivered
  } finally {
    stop.removeEventListener('abort', end)
    if (!stop.aborted) await source.close()
  }
}

/** Sends a file. @returns the exit code @throws WrongUsage before anything is sent */
export async function runSend(settings: SendSettings, around: Surroundings): Promise<number> {
  const target = targetOf(settings, around.env)
  const clientSecret = await secretOf(settings, around.env)
  const source = await openSource(settings.file, around.stdin)
  // Standard input may never say another word.
  const end = () => void (source.identity === undefined && source.close())
  around.stop.addEventListener('abort', end)
  try {
    const { limits } = settings
    const file = source.identity
    const ledger = await openLedger(settings, { target, limits, ...(file && { file }) })
    try {
      return await sendWith(settings, around, { target, clientSecret, source, ledger })
    } finally {
      await ledger.close()
    }
  } finally {
    around.stop.removeEventListener('abort', end)
    await source.close()
  }
}

interface Opened {
  readonly target: SendTarget
  readonly clientSecret: string
  readonly source: UsageSource
  readonly ledger: Ledger
}

async function sendWith(settings: SendSettings, around: Surroundings, opened: Opened): Promise<number> {
  const { source, ledger } = opened
  const { done } = ledger.state()
  const now = () => performance.now()
  const startedAt = now()
  const progress = createProgress({
    out: around.stderr,
    isQuiet: settings.quiet,
    bytesRead: () => source.bytesRead(),
    totalBytes: source.identity?.size,
    before: done,
    now,
  })
  if (done.batches > 0) progress.note(`going on after line ${done.line}: ${done.batches} batches are delivered`)
  const delivery = deliveryOf(settings, around, opened, progress)
  const { limits, concurrency, statePath } = settings
  let gaps: readonly ReceiptChainBroken[] = []
  let error: Error | undefined
  try {
    gaps = await sendFile({ source, limits, concurrency, delivery, ledger, progress, statePath })
  } catch (thrown) {
    if (thrown instanceof WrongUsage) throw thrown
    error = thrown instanceof Error ? thrown : new Error(String(thrown))
  } finally {
    progress.end()
  }
  const first = await ledger.first()
  const seconds = (now() - startedAt) / 1000
  const linesBefore = done.lines
  const summary = summaryOf({ file: source.label, statePath, ledger, linesBefore, seconds, first, gaps, error })
  return report(summary, error, settings, around)
}

function deliveryOf(
  { attempts, timeoutMilliseconds, gzip }: SendSettings,
  { fetch, stop }: Surroundings,
  { target, clientSecret }: Opened,
  progress: Progress,
): DeliveryNeeds {
  const { issuer, client, audience } = target
  const needs = deliveryNeeds(
    {
      issuer,
      audience,
      credentials: { clientId: client, clientSecret },
      fetch,
      gzip,
      retry: { attempts },
      requestTimeoutMilliseconds: timeoutMilliseconds,
    },
    stop,
  )
  return {
    ...needs,
    sleep(milliseconds, signal) {
      progress.note(`no receipt yet: the same batch again in ${(milliseconds / 1000).toFixed(1)} s`)
      return needs.sleep(milliseconds, signal)
    },
  }
}

function report(
  summary: SendSummary,
  error: Error | undefined,
  { json, quiet }: SendSettings,
  { stdout, stderr, stop }: Surroundings,
): number {
  if (json) stdout.write(`${JSON.stringify(summary, null, 2)}\n`)
  else if (!quiet || error !== undefined || summary.first.length > 0) stdout.write(summaryText(summary))
  if (error === undefined) return summary.malformed + summary.skipped > 0 ? EXIT.someMalformed : EXIT.delivered
  if (stop.aborted) {
    stderr.write('Stopped. Run the same command again to go on.\n')
    return EXIT.stopped
  }
  stderr.write(`${adviceOf(error)}\nRun the same command again to go on: what has a receipt is not sent again.\n`)
  return EXIT.undelivered
}
