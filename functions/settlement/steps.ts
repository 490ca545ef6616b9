import {
  type CloseRecord,
  NettedOutput,
  type PeriodState,
  PostedOutput,
  RatedOutput,
  ReconciledOutput,
  type Statement,
} from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { epochSeconds } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { closeSpill } from '../reconciliation/close-spill.ts'
import { finalsWriter } from '../reconciliation/finals.ts'
import { computeStatements } from './compute.ts'
import { findClosingInputs, frozenInputs, lastBlockHash, loadPast, type SettlementNeeds } from './inputs.ts'
import { blocksOf, transfersOf } from './ledger.ts'
import { net } from './netting.ts'
import { postBlocks } from './post.ts'
import { findToken, publishStatement, storeToken } from './statement-store.ts'
import { findOutput, storeOutput } from './store.ts'
import { reconcile } from './usage.ts'

type Step = (needs: SettlementNeeds, close: CloseRecord) => Promise<void>
type Unfinished = Exclude<CloseRecord['state'], 'published'>

export const nextState = {
  cutoff: 'reconciled',
  reconciled: 'rated',
  rated: 'posted',
  posted: 'netted',
  netted: 'signed',
  signed: 'published',
} as const satisfies Record<Unfinished, PeriodState>

export const outputOf = ({ programme, period, identity }: CloseRecord, step: string) => ({
  programme,
  period,
  identity,
  step,
})

export const ratedStatements = async (table: Table, close: CloseRecord): Promise<Statement[]> =>
  (await findOutput(table, outputOf(close, 'rated'), RatedOutput)).statements

const reconcileStep: Step = async ({ table, wallNow, sizes }, close) => {
  const inputs = await frozenInputs(table, await findClosingInputs(table, close))
  const { programme, period, identity } = close
  const finals = finalsWriter({ table }, { programme, period, identity })
  const { dispositions, totals } = await reconcile(
    { table, sizes, spillOf: closeSpill({ table, wallNow, sizes }, close) },
    inputs,
    finals.add,
  )
  await finals.end()
  await storeOutput(table, outputOf(close, 'reconciled'), ReconciledOutput, { dispositions, totals })
}

const rateStep: Step = async ({ table }, close) => {
  const { programme, period, contracts, accepted } = await findClosingInputs(table, close)
  const { totals } = await findOutput(table, outputOf(close, 'reconciled'), ReconciledOutput)
  const past = await loadPast(table, close, totals)
  const statements = computeStatements({ programme, period, contracts, totals, accepted, past })
  await storeOutput(table, outputOf(close, 'rated'), RatedOutput, { statements })
}

const postStep: Step = async ({ table }, close) => {
  const { programme, period, identity } = close
  const transfers = (await ratedStatements(table, close)).flatMap(transfersOf)
  const previousHash = await lastBlockHash(table, close)
  const blocks = blocksOf(programme, period, transfers, previousHash)
  await postBlocks({ table }, { programme, identity, blocks })
  const hash = blocks.at(-1)?.block.hash ?? previousHash
  await storeOutput(table, outputOf(close, 'posted'), PostedOutput, { blocks: blocks.length, hash })
}

const netStep: Step = async ({ table }, close) => {
  const { contracts, programme } = await findClosingInputs(table, close)
  const { standings } = await loadPast(table, close, [])
  const netting = net(await ratedStatements(table, close), contracts, standings, programme.brand)
  await storeOutput(table, outputOf(close, 'netted'), NettedOutput, netting)
}

const signStep: Step = async ({ table, keys, issuer, now }, close) => {
  for (const statement of await ratedStatements(table, close)) {
    if (await findToken(table, statement.id)) continue
    const { id, hash, programme, period, debtor, creditor } = statement
    const claims = { iss: issuer, aud: [debtor, creditor], iat: epochSeconds(now()), sub: id, hash, programme, period }
    await storeToken(table, id, await keys.sign('statement', tokenTypes.statement, claims))
  }
}

const publishStep: Step = async ({ table }, close) => {
  for (const statement of await ratedStatements(table, close)) await publishStatement(table, statement)
}

/** What is done in each state to leave it. Each step may be repeated and resumed. */
export const steps: Record<Unfinished, Step> = {
  cutoff: reconcileStep,
  reconciled: rateStep,
  rated: postStep,
  posted: netStep,
  netted: signStep,
  signed: publishStep,
}
