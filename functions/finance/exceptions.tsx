import { Refusal } from '../kernel/refusal.ts'
import type { StaffPage } from './desk.ts'

export const showExceptions: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const downloadExceptions: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const showException: StaffPage = async () => {
  throw new Refusal('not-found')
}

export const showExceptionLines: StaffPage = async () => {
  throw new Refusal('not-found')
}
