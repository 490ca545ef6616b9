#!/usr/bin/env node
import { catalogue, findListed } from './catalogue.ts'
import { createTestIssuer } from './issuer.ts'
import { type MintSettings, readSettings, UsageError, type Wish } from './mint-options.ts'
import { described, serveTokens, unknownName } from './mint-serve.ts'
import { calling, help, hint, mintCommand, table, welcome } from './mint-text.ts'

/** Test tokens at the terminal: tokens go to stdout, words about them to stderr. */
const COMMAND = mintCommand(import.meta.url)

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function printOne({ name, json: asJson, issuer: options }: MintSettings): void {
  const listed = findListed(name)
  if (listed === undefined) throw new UsageError(unknownName(name, COMMAND))
  const issuer = createTestIssuer(options)
  if (asJson) {
    printJson(described(listed, issuer))
    return
  }
  process.stderr.write(hint(listed, issuer, COMMAND))
  // In a pipe every byte counts: some of these tokens differ from a good one by a newline.
  process.stdout.write(listed.make(issuer) + (process.stdout.isTTY ? '\n' : ''))
}

function printAll({ json: asJson, issuer: options }: MintSettings): void {
  const issuer = createTestIssuer(options)
  const all = catalogue.map(listed => described(listed, issuer))
  if (asJson) {
    printJson(all)
    return
  }
  for (const { name, expected, token } of all) {
    process.stdout.write(`${name}\t${expected}\t${JSON.stringify(token).slice(1, -1)}\n`)
  }
}

async function serve({ issuer: options, port }: MintSettings): Promise<void> {
  const issuer = createTestIssuer(options)
  const listening = await serveTokens(issuer, port)
  process.stdout.write(welcome(issuer))
  const stop = () => void listening.close()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

function printTable({ json: asJson, issuer: options }: MintSettings): void {
  if (asJson) printJson(catalogue.map(({ make: _, ...listed }) => listed))
  else process.stdout.write(table(createTestIssuer(options), COMMAND))
}

const printHelp = () => void process.stdout.write(help(COMMAND))
const printKeys = ({ issuer }: MintSettings) => printJson(createTestIssuer(issuer).jwks())

const WISHES: Readonly<Record<Wish, (settings: MintSettings) => void | Promise<void>>> = {
  help: printHelp,
  table: printTable,
  one: printOne,
  all: printAll,
  jwks: printKeys,
  serve,
}

// Whoever reads may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  const settings = readSettings(process.argv.slice(2))
  await WISHES[settings.wish](settings)
} catch (error) {
  const usage = error instanceof UsageError
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  if (usage) process.stderr.write(`Help: ${calling(COMMAND, '--help')}\n`)
  process.exitCode = usage ? 2 : 1
}
