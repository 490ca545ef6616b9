import type { Language, Shape } from '../portal/language.ts'
import { exceptionsEn } from './messages/exceptions-en.ts'
import { exceptionsZh } from './messages/exceptions-zh.ts'
import { moneyEn } from './messages/money-en.ts'
import { moneyZh } from './messages/money-zh.ts'
import { monthsEn } from './messages/months-en.ts'
import { monthsZh } from './messages/months-zh.ts'
import { shellEn } from './messages/shell-en.ts'
import { shellZh } from './messages/shell-zh.ts'

const en = { shell: shellEn, months: monthsEn, money: moneyEn, exceptions: exceptionsEn }
export type Words = Shape<typeof en>

/** What the pages for staff say. */
export const wordsOf: Record<Language, Words> = {
  en,
  'zh-CN': { shell: shellZh, months: monthsZh, money: moneyZh, exceptions: exceptionsZh },
}
