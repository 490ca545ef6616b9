import { compactVerify, createLocalJWKSet } from 'jose'
import type { LineOutcome } from '../../schemas/disposition.ts'
import {
  type CloseRecord,
  NettedOutput,
  PostedOutput,
  RatedOutput,
  ReconciledOutput,
  type Statement,
} from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { canonicalJson, hashOf } from '../kernel/canonical.ts'
import type { Table } from '../kernel/table.ts'
import { finalsOf } from '../reconciliation/finals.ts'
import type { OutcomeSink } from '../reconciliation/reconcile.ts'
import { computeStatements } from './compute.ts'
import { findClosingInputs, frozenInputs, lastBlockHash, loadPast, type SettlementNeeds } from './inputs.ts'
import { type Block, blocksOf, changesOf, transfersOf } from './ledger.ts'
import { net } from './netting.ts'
import { findStatements, findToken } from './statement-store.ts'
import { outputOf } from './steps.ts'
import { findOutput, listBalances, listBlocks, listTransfers, Mismatch } from './store.ts'
import { reconcile } from './usage.ts'

type Needs = Pick<SettlementNeeds, 'table' | 'keys'>

/**
 * Computes a published close again from its frozen inputs and compares it with everything that is stored.
 * @throws Mismatch that names what differs
 */
export async function verifyClose({ table, keys }: Needs, close: CloseRecord): Promise<void> {
  const { programme, period } = close
  const differences = await differencesOf({ table, keys }, close)
  if (differences.length === 0) return
  throw new Mismatch(`the close of ${programme} ${period} is not what its inputs give: ${differences.join(', ')}`)
}

async function differencesOf({ table, keys }: Needs, close: CloseRecord): Promise<string[]> {
  const frozen = await readable('inputs', () => findClosingInputs(table, close))
  // Without its inputs nothing of the close can be computed.
  if ('broken' in frozen || hashOf(frozen.value) !== close.identity) return ['output inputs']
  const recomputed = await readable('frozen usage, history or earlier closes', async () => {
    const inputs = await frozenInputs(table, frozen.value)
    const finals = finalsComparison(table, close)
    const usage = await reconcile({ table }, inputs, finals.compare)
    const past = await loadPast(table, close, usage.totals)
    const statements = computeStatements({ ...inputs, totals: usage.totals, past })
    const previousHash = await lastBlockHash(table, close)
    const blocks = blocksOf(close.programme, close.period, statements.flatMap(transfersOf), previousHash)
    return {
      usage,
      finals: await finals.end(),
      statements,
      blocks,
      previousHash,
      netting: net(statements, inputs.contracts, past.standings),
    }
  })
  if ('broken' in recomputed) return [recomputed.broken]
  const { usage, finals, statements, blocks, previousHash, netting } = recomputed.value
  const posted = { blocks: blocks.length, hash: blocks.at(-1)?.block.hash ?? previousHash }
  const { dispositions, totals } = usage
  return [
    ...finals,
    ...(await differs('output reconciled', { dispositions, totals }, () =>
      findOutput(table, outputOf(close, 'reconciled'), ReconciledOutput),
    )),
    ...(await differs('output rated', { statements }, () => findOutput(table, outputOf(close, 'rated'), RatedOutput))),
    ...(await differs('output posted', posted, () => findOutput(table, outputOf(close, 'posted'), PostedOutput))),
    ...(await differs('output netted', netting, () => findOutput(table, outputOf(close, 'netted'), NettedOutput))),
    ...(await ledgerDifferences(table, close, blocks)),
    ...(await statementDifferences({ table, keys }, statements)),
  ]
}

/** What was read, or the name of what could not be: tampering may leave an item that is no longer of its shape. */
async function readable<T>(name: string, read: () => Promise<T>): Promise<{ value: T } | { broken: string }> {
  try {
    return { value: await read() }
  } catch (error) {
    // A database that does not answer says nothing about what it holds.
    if (!(error instanceof Error) || '$metadata' in error) throw error
    return { broken: error instanceof Mismatch ? error.message : `${name} (${firstLine(error.message)})` }
  }
}

const firstLine = (message: string): string => message.split('\n')[0]?.slice(0, 200) ?? ''

async function differs(name: string, expected: unknown, read: () => Promise<unknown>): Promise<string[]> {
  const found = await readable(name, read)
  if ('broken' in found) return [found.broken]
  const same = found.value !== undefined && canonicalJson(found.value) === canonicalJson(expected)
  return same ? [] : [name]
}

/** Compares what is computed with what is stored, line by line: the first line that differs is told. */
function finalsComparison(table: Table, { programme, period, identity }: CloseRecord) {
  const stored = finalsOf({ table }, { programme, period, identity })
  let different: string | undefined
  const nameOf = ({ partner, sequence, line }: LineOutcome) =>
    `final disposition of line ${sequence}/${line} of ${partner}`
  async function next(): Promise<LineOutcome | undefined> {
    const read = await readable('final dispositions', () => stored.next())
    if ('broken' in read) different = read.broken
    return 'value' in read && !read.value.done ? read.value.value : undefined
  }
  const compare: OutcomeSink = async outcomes => {
    for (const outcome of outcomes) {
      if (different !== undefined) return
      const found = await next()
      if (!found || canonicalJson(found) !== canonicalJson(outcome)) different ??= nameOf(outcome)
    }
  }
  return {
    compare,
    async end(): Promise<string[]> {
      const left = different === undefined ? await next() : undefined
      if (left) different = nameOf(left)
      await stored.return(undefined)
      return different === undefined ? [] : [different]
    },
  }
}

async function ledgerDifferences(table: Table, { programme, period }: CloseRecord, blocks: Block[]): Promise<string[]> {
  const transfers = await readable(`ledger transfers of ${period}`, () => listTransfers(table, programme, period))
  if ('broken' in transfers) return [transfers.broken]
  const stored = new Map(transfers.value.map(transfer => [transfer.id, transfer]))
  const expected = blocks.flatMap(block => block.transfers)
  const names = new Set([...expected.map(({ id }) => id), ...stored.keys()])
  const wanted = new Map(expected.map(transfer => [transfer.id, transfer]))
  return [
    ...[...names]
      .filter(id => canonicalJson(stored.get(id) ?? null) !== canonicalJson(wanted.get(id) ?? null))
      .map(id => `transfer ${id}`),
    ...(await differs(
      `ledger blocks of ${period}`,
      blocks.map(({ block }) => block),
      () => listBlocks(table, programme, period),
    )),
    ...(await balanceDifferences(table, programme)),
  ]
}

/** Every balance is the sum of its transfers, of all periods. */
async function balanceDifferences(table: Table, programme: string, attempts = 3): Promise<string[]> {
  const found = await readable('balances', () => listBalances(table, programme))
  if ('broken' in found) return [found.broken]
  const transfers = await readable('ledger transfers', () => listTransfers(table, programme))
  if ('broken' in transfers) return [transfers.broken]
  const changes = changesOf(transfers.value)
  const held = new Map(found.value.map(({ account, amountMinor }) => [account, BigInt(amountMinor)]))
  const accounts = new Set([...changes.keys(), ...held.keys()])
  const off = [...accounts].filter(account => (changes.get(account) ?? 0n) !== (held.get(account) ?? 0n))
  // A block of another period may have been posted between the two reads.
  if (off.length > 0 && attempts > 1) return balanceDifferences(table, programme, attempts - 1)
  return off.map(account => `balance ${account}`)
}

async function statementDifferences({ table, keys }: Needs, statements: Statement[]): Promise<string[]> {
  const jwks = createLocalJWKSet({ keys: await keys.publicKeysFor('statement') })
  const differences: string[] = []
  for (const statement of statements) {
    const name = `statement ${statement.id}`
    differences.push(...(await differs(name, statement, async () => (await findStatements(table, [statement.id]))[0])))
    const token = await readable(`signature of ${name}`, () => findToken(table, statement.id))
    const signed = 'value' in token && token.value !== undefined && (await isSignatureOf(token.value, statement, jwks))
    if (!signed) differences.push(`signature of ${name}`)
  }
  return differences
}

async function isSignatureOf(
  token: string,
  { id, hash }: Statement,
  jwks: ReturnType<typeof createLocalJWKSet>,
): Promise<boolean> {
  try {
    const { payload, protectedHeader } = await compactVerify(token, jwks, { algorithms: ['ES256'] })
    const claims = JSON.parse(new TextDecoder().decode(payload)) as { sub?: unknown; hash?: unknown }
    return protectedHeader.typ === tokenTypes.statement && claims.sub === id && claims.hash === hash
  } catch {
    return false
  }
}
