import type { Period } from '../../schemas/primitives.ts'
import type { Programme, ProgrammeHead } from '../../schemas/programme.ts'
import { periodOf } from '../kernel/calendar.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { findHead, findVersion, listHeads } from './store.ts'

/** The newest version, or a given one. @throws Refusal programme-not-found */
export async function findProgramme({ table }: { table: Table }, id: string, version?: number): Promise<Programme> {
  const number = version ?? (await findHead(table, id))?.version
  const programme = number === undefined ? undefined : await findVersion(table, id, number)
  if (!programme) throw new Refusal('programme-not-found', `there is no programme ${id}`)
  return programme
}

/** What settlement needs of a programme; its first period is the month in which it was first applied. */
export type ProgrammeFrame = { id: string; brand: string; timeZone: string; firstPeriod: Period }

export async function programmeFrame({ table }: { table: Table }, id: string): Promise<ProgrammeFrame> {
  const head = await findHead(table, id)
  if (!head) throw new Refusal('programme-not-found', `there is no programme ${id}`)
  return frameOf(head)
}

export async function allProgrammes({ table }: { table: Table }): Promise<ProgrammeFrame[]> {
  const frames: ProgrammeFrame[] = []
  let cursor: string | undefined
  do {
    const page = await listHeads(table, cursor)
    frames.push(...page.items.map(frameOf))
    cursor = page.next
  } while (cursor)
  return frames
}

const frameOf = ({ id, brand, timeZone, createdAt }: ProgrammeHead): ProgrammeFrame => ({
  id,
  brand,
  timeZone,
  firstPeriod: periodOf(createdAt, timeZone),
})
