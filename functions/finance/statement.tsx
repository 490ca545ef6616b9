import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showStatement: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const showLine: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const downloadLine: StaffPage = async () => {
  throw new Refusal('not-found')
}
