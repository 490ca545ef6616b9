import type { Shape } from '../../portal/language.ts'
import type { moneyEn } from './money-en.ts'

export const moneyZh: Shape<typeof moneyEn> = {
  title: '',
}
