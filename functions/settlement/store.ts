import type * as z from 'zod'
import type { Period } from '../../schemas/primitives.ts'
import { Balance, ClosedPeriod, CloseRecord, LedgerBlock, OutputPiece, Transfer } from '../../schemas/settlement.ts'
import { canonicalJson, sha256 } from '../kernel/canonical.ts'
import {
  type AnyItem,
  add,
  anyItem,
  Conflict,
  itemOf,
  passOverConflict,
  put,
  type RecordType,
  readAs,
  recordType,
  type Table,
  type Write,
} from '../kernel/table.ts'
import type { Block } from './ledger.ts'

const close = recordType('close', CloseRecord)
const closedPeriod = recordType('closed-period', ClosedPeriod)
const outputPiece = recordType('close-output', OutputPiece)
export const block = recordType('ledger-block', LedgerBlock)
export const transfer = recordType('transfer', Transfer)
const balance = recordType('balance', Balance)

export type ClosingPeriod = { programme: string; period: Period }

const closePartition = ({ programme, period }: ClosingPeriod) => `CLOSE#${programme}#${period}`
const closeKey = (closing: ClosingPeriod) => ({ pk: closePartition(closing), sk: 'HEAD' })
export const ledgerPartition = (programme: string) => `LEDGER#${programme}`
const numbered = (value: number, digits = 6) => String(value).padStart(digits, '0')
/** Enough of an identity to keep two computations apart. */
const short = (identity: string) => identity.slice(0, 16)

export const findClose = (table: Table, closing: ClosingPeriod): Promise<CloseRecord | undefined> =>
  table.get(close, closeKey(closing))

export const findCloses = (table: Table, closings: ClosingPeriod[]): Promise<CloseRecord[]> =>
  table.getMany(close, closings.map(closeKey))

/** Closed periods of a programme, oldest first. */
export const listClosed = (table: Table, programme: string): Promise<ClosedPeriod[]> =>
  table.all(closedPeriod, { partition: `CLOSES#${programme}` })

/**
 * `cutoffs` are the writes by which other domains cut the period off in the same transaction.
 * @throws Conflict when the period has a close already, or one of them is refused
 */
export const createClose = (
  table: Table,
  { programme, period, identity, ...rest }: CloseRecord,
  cutoffs: Write[],
): Promise<void> =>
  table.commit([
    ...cutoffs,
    put(close, closeKey({ programme, period }), { programme, period, identity, ...rest }, { when: 'absent' }),
    put(closedPeriod, { pk: `CLOSES#${programme}`, sk: period }, { programme, period, identity }, { when: 'absent' }),
  ])

/** @throws Conflict when somebody else moved the close meanwhile */
export const replaceClose = (table: Table, before: CloseRecord, after: CloseRecord): Promise<void> =>
  table.write(put(close, closeKey(after), after, { when: { equals: { version: before.version } } }))

/** That a stored item is not what the same inputs give now: it was tampered with, or the code changed its rules. */
export class Mismatch extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'Mismatch'
  }
}

/** Creates an item, or makes sure that the one there is the same. @throws Mismatch */
export async function createOnce<S extends z.ZodObject>(
  table: Table,
  type: RecordType<S>,
  key: { pk: string; sk: string },
  item: z.input<S>,
): Promise<void> {
  try {
    await table.write(put(type, key, item, { when: 'absent' }))
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    const there = await table.get(type, key)
    if (canonicalJson(there) !== canonicalJson(type.schema.parse(item)))
      throw new Mismatch(`${type.kind} ${key.pk} ${key.sk}`)
  }
}

const pieceBytes = 350_000
type Output = ClosingPeriod & { identity: string; step: string }
const outputPrefix = ({ identity, step }: Output) => `OUTPUT#${short(identity)}#${step}#`

/**
 * Stores what a step gives, as canonical JSON in pieces under the item limit. The same output again changes nothing.
 * @throws Mismatch when another output stands there
 */
export async function storeOutput<S extends z.ZodType>(
  table: Table,
  output: Output,
  schema: S,
  value: z.input<S>,
): Promise<void> {
  for (const { key, piece } of piecesOf(output, schema, value)) {
    try {
      await table.write(put(outputPiece, key, piece, { when: 'absent' }))
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      const there = await table.get(outputPiece, key)
      if (there?.hash !== piece.hash || !Buffer.from(there.data).equals(piece.data)) throw new Mismatch(nameOf(output))
    }
  }
}

function piecesOf<S extends z.ZodType>(output: Output, schema: S, value: z.input<S>) {
  const bytes = Buffer.from(canonicalJson(schema.parse(value)))
  const pieces = Math.ceil(bytes.length / pieceBytes)
  const hash = sha256(bytes)
  return Array.from({ length: pieces }, (_, index) => ({
    key: { pk: closePartition(output), sk: `${outputPrefix(output)}${numbered(index)}` },
    piece: { index, pieces, hash, data: new Uint8Array(bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes)) },
  }))
}

/** The items in which `storeOutput` stores an output. */
export const outputItems = <S extends z.ZodType>(output: Output, schema: S, value: z.input<S>): AnyItem[] =>
  piecesOf(output, schema, value).map(({ key, piece }) => itemOf(put(outputPiece, key, piece)))

const nameOf = ({ period, step }: Output) => `output ${step} of ${period}`

/** What a step gave. @throws Mismatch when it is missing or its bytes are not those that were stored */
export async function findOutput<S extends z.ZodType>(table: Table, output: Output, schema: S): Promise<z.output<S>> {
  const pieces = await table.all(outputPiece, { partition: closePartition(output), startsWith: outputPrefix(output) })
  const bytes = Buffer.concat(pieces.map(piece => piece.data))
  const [first] = pieces
  if (!first || first.pieces !== pieces.length || sha256(bytes) !== first.hash) throw new Mismatch(nameOf(output))
  return schema.parse(JSON.parse(bytes.toString()))
}

const blockKey = (identity: string, { programme, period, number }: LedgerBlock) => ({
  pk: ledgerPartition(programme),
  sk: `BLOCK#${period}#${short(identity)}#${numbered(number)}`,
})
const transferKey = (identity: string, { programme, period, number }: LedgerBlock, index: number) => ({
  pk: ledgerPartition(programme),
  sk: `TRANSFER#${period}#${short(identity)}#${numbered(number)}#${numbered(index, 2)}`,
})
const balanceKey = (programme: string, account: string) => ({
  pk: ledgerPartition(programme),
  sk: `BALANCE#${account}`,
})

export const findBlock = (table: Table, identity: string, wanted: LedgerBlock): Promise<LedgerBlock | undefined> =>
  table.get(block, blockKey(identity, wanted))

/** Opens accounts that do not exist yet, at zero: posting only adds to them. */
export async function openAccounts(table: Table, programme: string, accounts: string[]): Promise<void> {
  const there = await table.getMany(
    balance,
    accounts.map(account => balanceKey(programme, account)),
  )
  const known = new Set(there.map(({ account }) => account))
  for (const account of accounts.filter(name => !known.has(name)))
    await table
      .write(put(balance, balanceKey(programme, account), { account, amountMinor: 0 }, { when: 'absent' }))
      .catch(passOverConflict)
}

/** The marker comes first: that it is create-only keeps the additions from happening twice. */
export const blockWrites = (
  identity: string,
  { block: marker, transfers }: Block,
  changes: Map<string, bigint>,
): Write[] => [
  put(block, blockKey(identity, marker), marker, { when: 'absent' }),
  ...transfers.map((item, index) => put(transfer, transferKey(identity, marker, index + 1), item, { when: 'absent' })),
  ...balanceWrites(marker.programme, changes),
]

/** Only beside a create-only marker: additions that are made twice count twice. */
export const balanceWrites = (programme: string, changes: Map<string, bigint>): Write[] =>
  [...changes].map(([account, amount]) => add(balanceKey(programme, account), balance.kind, 'amountMinor', amount))

/** Transfers in the order of posting; of one period, or of all. */
export const listTransfers = (table: Table, programme: string, period?: Period): Promise<Transfer[]> =>
  table.all(transfer, {
    partition: ledgerPartition(programme),
    startsWith: period === undefined ? 'TRANSFER#' : `TRANSFER#${period}#`,
  })

export const listBlocks = (table: Table, programme: string, period: Period): Promise<LedgerBlock[]> =>
  table.all(block, { partition: ledgerPartition(programme), startsWith: `BLOCK#${period}#` })

export const listBalances = (table: Table, programme: string): Promise<Balance[]> =>
  table.all(balance, { partition: ledgerPartition(programme), startsWith: 'BALANCE#' })

/** What lies in a close's partition, for who verifies it: frozen history and final dispositions are left out. */
export async function* closeItems(table: Table, closing: ClosingPeriod): AsyncGenerator<AnyItem> {
  const partition = closePartition(closing)
  // '$' comes right after '#'.
  for (const range of [{ from: ' ', to: 'FINAL#' }, { from: 'FINAL$', to: 'HISTORY#' }, { from: 'HISTORY$' }])
    yield* table.each(anyItem, { partition, ...range })
}

/** The marks that say which periods are closed, as they lie there; of one period, or of all. */
export const closedPeriodItems = (
  table: Table,
  { programme, period }: { programme: string; period?: Period },
): Promise<AnyItem[]> =>
  table.all(anyItem, {
    partition: `CLOSES#${programme}`,
    ...(period !== undefined && { from: period, to: period }),
  })

export const ledgerItems = (table: Table, programme: string, startsWith: string): AsyncGenerator<AnyItem> =>
  table.each(anyItem, { partition: ledgerPartition(programme), startsWith })

/** The whole items that records of a close would be, and back. */
export const closeRecords = {
  close: (record: CloseRecord) => itemOf(put(close, closeKey(record), record)),
  closedPeriod: (record: ClosedPeriod) =>
    itemOf(put(closedPeriod, { pk: `CLOSES#${record.programme}`, sk: record.period }, record)),
  block: (identity: string, item: Block): AnyItem[] => blockWrites(identity, item, new Map()).map(itemOf),
  balance: (programme: string, record: Balance) => itemOf(put(balance, balanceKey(programme, record.account), record)),
  closeIn: (item: AnyItem) => readAs(close, item),
  closedPeriodIn: (item: AnyItem) => readAs(closedPeriod, item),
  transferIn: (item: AnyItem) => readAs(transfer, item),
}
