import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showPreview: StaffPage = async () => {
  throw new Refusal('not-found')
}
