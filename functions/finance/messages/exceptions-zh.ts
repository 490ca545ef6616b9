import type { Shape } from '../../portal/language.ts'
import type { exceptionsEn } from './exceptions-en.ts'

export const exceptionsZh: Shape<typeof exceptionsEn> = {
  title: '',
}
