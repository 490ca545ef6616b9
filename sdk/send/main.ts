#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import process, { argv, env, stderr, stdin, stdout } from 'node:process'
import type { Fetch } from '../bounded-fetch.ts'
import { EXIT, runDry, runSend, type Surroundings } from './run.ts'
import { readSettings, type SendSettings } from './send-options.ts'
import { adviceOf, help, sendCommand } from './send-text.ts'
import { WrongUsage } from './wrong-usage.ts'

/** Usage files at the terminal: the summary goes to stdout, all other words to stderr. */
const COMMAND = sendCommand(import.meta.url)
const stop = new AbortController()

async function printHelp(): Promise<number> {
  stdout.write(help(COMMAND))
  return EXIT.delivered
}

/** Beside the sources, and one folder further up from what is built. */
async function printVersion(): Promise<number> {
  const manifest = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json'
  const { version } = JSON.parse(await readFile(new URL(manifest, import.meta.url), 'utf8')) as { version: string }
  stdout.write(`${version}\n`)
  return EXIT.delivered
}

const WISHES: Readonly<
  Record<SendSettings['wish'], (settings: SendSettings, around: Surroundings) => Promise<number>>
> = { help: printHelp, version: printVersion, 'dry-run': runDry, send: runSend }

/** A second time ends it at once, which loses nothing either. */
function onSignal(): void {
  if (stop.signal.aborted) process.exit(EXIT.stopped)
  stop.abort(new Error('stopped'))
}

// Whoever reads may have seen enough, as `head` does; the sending goes on.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

try {
  const settings = readSettings(argv.slice(2))
  const around = { env, stdin, stdout, stderr, stop: stop.signal, fetch: globalThis.fetch as Fetch }
  process.exitCode = await WISHES[settings.wish](settings, around)
} catch (error) {
  const isUsage = error instanceof WrongUsage
  stderr.write(`${adviceOf(error instanceof Error ? error : new Error(String(error)))}\n`)
  if (isUsage) stderr.write(`Help: ${COMMAND} --help\n`)
  process.exitCode = stop.signal.aborted ? EXIT.stopped : isUsage ? EXIT.wrongUsage : EXIT.undelivered
}
process.off('SIGINT', onSignal)
process.off('SIGTERM', onSignal)
