import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const assignOne: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const resolveOne: StaffPage = async () => {
  throw new Refusal('not-found')
}
