import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showOverview: StaffPage = async () => {
  throw new Refusal('not-found')
}
