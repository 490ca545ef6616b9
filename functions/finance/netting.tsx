import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showNetting: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const downloadNetting: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const confirmPaid: StaffPage = async () => {
  throw new Refusal('not-found')
}
