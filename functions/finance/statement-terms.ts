import type { StatementId } from '../../schemas/ids.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { genesisHash } from '../kernel/canonical.ts'
import { contentId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { closesOf } from '../settlement/closed-periods.ts'
import { findClosingInputs } from '../settlement/inputs.ts'
import { findAnyStatement } from '../settlement/statements.ts'
import type { Desk } from './desk.ts'
import { type Computation, computationOf, type LineFacts } from './statement-computation.ts'

type Needs = Pick<Desk, 'table'>
type Direction = Pick<Statement, 'programme' | 'debtor' | 'creditor' | 'currency'>

/** Statements have ids of what they are about: whoever knows a direction and a month knows the id. */
export const statementIdOf = ({ programme, debtor, creditor, currency }: Direction, period: string): StatementId =>
  contentId<StatementId>('stm', programme, period, debtor, creditor, currency)

/** How long a pair may have had no statement in between, in closes. */
const longestGap = 120

/** The statement that this one is chained to; undefined for the first of a pair. */
export async function statementBefore({ table }: Needs, statement: Statement): Promise<Statement | undefined> {
  const { programme, period, previousHash } = statement
  if (previousHash === genesisHash) return undefined
  const earlier = (await closesOf({ table }, programme)).filter(close => close.period < period)
  for (const close of earlier.toReversed().slice(0, longestGap)) {
    const found = await statementOf({ table }, statementIdOf(statement, close.period))
    if (found?.hash === previousHash) return found
  }
  return undefined
}

const statementOf = (needs: Needs, id: string): Promise<Statement | undefined> =>
  findAnyStatement(needs, id).catch(error => {
    if (error instanceof Refusal) return undefined
    throw error
  })

/** What a line is explained by: the version of the terms, and how they give its amount. */
export type Explanation = { contractVersion: number; computation: Computation }

/**
 * Explains a line by what the close froze. A line of an earlier month was rated by that month's terms, unless they did
 * not cover what was used; undefined where no terms give the amount.
 */
export async function explain({ table }: Needs, statement: Statement, line: StatementLine) {
  const closes = await closesOf({ table }, statement.programme)
  const billed = {
    before: await billedBefore({ table }, { statement, line, closes }),
    now: statement.lines.filter(isSameOrigin(line)),
  }
  const accepted: LineFacts['accepted'][number][] = []
  for (const period of new Set([line.originPeriod, statement.period])) {
    const close = closes.find(one => one.period === period)
    if (!close) continue
    const inputs = await findClosingInputs(table, close)
    const contract = inputs.contracts.find(({ id }) => id === line.contract)
    if (period === statement.period) accepted.push(...inputs.accepted)
    const isRight = line.model !== 'adjustment' || period === statement.period
    const computation = contract && isRight ? computationOf({ statement, line, contract, billed, accepted }) : undefined
    if (contract && computation) return { contractVersion: contract.version, computation }
  }
  return undefined
}

const isSameOrigin =
  ({ contract, originPeriod }: StatementLine) =>
  (other: StatementLine): boolean =>
    other.contract === contract && other.originPeriod === originPeriod

type Asked = { statement: Statement; line: StatementLine; closes: { period: string }[] }

/** Lines of the same contract and origin month in the pair's earlier statements. */
async function billedBefore({ table }: Needs, { statement, line, closes }: Asked): Promise<StatementLine[]> {
  const between = closes.filter(({ period }) => line.originPeriod <= period && period < statement.period)
  const lines: StatementLine[] = []
  for (const { period } of between) {
    const earlier = await statementOf({ table }, statementIdOf(statement, period))
    lines.push(...(earlier?.lines.filter(isSameOrigin(line)) ?? []))
  }
  return lines
}
