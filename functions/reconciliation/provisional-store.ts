import * as z from 'zod'
import { type Period, Slug } from '../../schemas/primitives.ts'
import { ProvisionalBatch, ProvisionalDays, ProvisionalRequest, ProvisionalRun } from '../../schemas/usage-view.ts'
import { check, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const run = recordType('provisional-run', ProvisionalRun)
const batch = recordType('provisional-batch', ProvisionalBatch)
const days = recordType('provisional-days', ProvisionalDays)
/** The stream's consumer acts on these (infra/triggers.ts). */
const request = recordType('provisional-request', ProvisionalRequest)

const partitionOf = (partner: string) => `PROVISIONAL#${partner}`
const headKey = (partner: string) => ({ pk: partitionOf(partner), sk: 'HEAD' })
const batchSk = (sequence: number) => `BATCH#${String(sequence).padStart(12, '0')}`
const daysPrefix = (period: Period) => `DAYS#${period}#`
const daysSk = (period: Period, index: number) => `${daysPrefix(period)}${String(index).padStart(6, '0')}`
const requestKey = (partner: string) => ({ pk: partitionOf(partner), sk: 'REQUEST' })

export const findRun = (table: Table, partner: string): Promise<ProvisionalRun | undefined> =>
  table.get(run, headKey(partner))

/** @throws Conflict when a rival began or ended a run since `before` was read */
export const putRun = (table: Table, record: ProvisionalRun, before: ProvisionalRun | undefined): Promise<void> =>
  table.write(
    put(run, headKey(record.partner), record, {
      when: before ? { equals: { version: before.version, state: before.state } } : 'absent',
    }),
  )

/** Writes as a part of a run. @throws Conflict when a rival has begun another one */
export const writeWithin = (table: Table, { partner, version }: ProvisionalRun, writes: Write[]): Promise<void> =>
  table.commit([check(headKey(partner), { equals: { version } }), ...writes])

export const batchWrite = (record: ProvisionalBatch): Write =>
  put(batch, { pk: partitionOf(record.partner), sk: batchSk(record.sequence) }, record)

/** In the order of the chain, both ends included. */
export const storedBatches = (
  table: Table,
  { partner, from, upTo }: { partner: string; from: number; upTo: number },
): AsyncGenerator<ProvisionalBatch> =>
  table.each(batch, { partition: partitionOf(partner), from: batchSk(from), to: batchSk(upTo) })

export const daysWrite = (record: ProvisionalDays): Write =>
  put(days, { pk: partitionOf(record.partner), sk: daysSk(record.period, record.index) }, record)

export const daysRemoval = ({ partner, period, index }: Pick<ProvisionalDays, 'partner' | 'period' | 'index'>): Write =>
  remove({ pk: partitionOf(partner), sk: daysSk(period, index) })

export const storedDays = (table: Table, partner: string, period?: Period): AsyncGenerator<ProvisionalDays> =>
  table.each(days, { partition: partitionOf(partner), startsWith: period ? daysPrefix(period) : 'DAYS#' })

/** How often a redemption was captured after the event that names it was judged: no batch and no contract tells of it. */
const lateCaptures = recordType('late-captures', z.strictObject({ partner: Slug, count: z.int().min(1) }))
const capturesKey = (partner: string) => ({ pk: partitionOf(partner), sk: 'CAPTURES' })

export const lateCaptureCount = async (table: Table, partner: string): Promise<number> =>
  (await table.get(lateCaptures, capturesKey(partner)))?.count ?? 0

/** @throws Conflict when a rival counted one since `before` was read */
export const putLateCaptures = (table: Table, partner: string, before: number): Promise<void> =>
  table.write(
    put(
      lateCaptures,
      capturesKey(partner),
      { partner, count: before + 1 },
      {
        when: before === 0 ? 'absent' : { equals: { count: before } },
      },
    ),
  )

export const findRequest = (table: Table, partner: string): Promise<ProvisionalRequest | undefined> =>
  table.get(request, requestKey(partner))

export const putRequest = (table: Table, record: ProvisionalRequest): Promise<void> =>
  table.write(put(request, requestKey(record.partner), record))
