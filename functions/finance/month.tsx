import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showMonth: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const downloadMonthTable: StaffPage = async () => {
  throw new Refusal('not-found')
}
