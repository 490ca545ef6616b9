import type { Shape } from '../../portal/language.ts'
import type { monthsEn } from './months-en.ts'

export const monthsZh: Shape<typeof monthsEn> = {
  title: '',
}
