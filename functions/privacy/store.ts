import type { MemberId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { Erasure } from '../../schemas/privacy.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { check, put, recordType, type Table, type Write } from '../kernel/table.ts'

const erasure = recordType('erasure', Erasure)
const key = (member: string) => ({ pk: `ERASURE#${member}`, sk: 'HEAD' })
const duePartition = 'DUE-ERASURES'
const sortable = (instant: Instant): string => String(epochMilliseconds(instant)).padStart(15, '0')

export const findErasure = (table: Table, member: string): Promise<Erasure | undefined> =>
  table.get(erasure, key(member))

/** For a commit beside which no erasure may have begun: what an erasure removes must not be written after it. */
export const notErased = (member: string): Write => check(key(member), 'absent')

/** Once a member; due until it is done. */
export const newErasureWrite = (member: MemberId, requestedAt: Instant): Write =>
  put(
    erasure,
    { ...key(member), gsi1pk: duePartition, gsi1sk: sortable(requestedAt) },
    { member, requestedAt, state: 'under-way' },
    { when: 'absent' },
  )

export const doneErasureWrite = (before: Erasure, doneAt: Instant): Write =>
  put(erasure, key(before.member), { ...before, state: 'done', doneAt }, { when: { equals: { state: 'under-way' } } })

/** Those that are under way, the one that has waited longest first. */
export const erasuresUnderWay = (table: Table): AsyncGenerator<Erasure> =>
  table.each(erasure, { partition: duePartition, index: 'gsi1' })
