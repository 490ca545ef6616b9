import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const askClose: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const startClose: StaffPage = async () => {
  throw new Refusal('not-found')
}
