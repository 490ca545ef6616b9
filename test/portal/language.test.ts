import { expect, test } from 'vitest'
import {
  dateIn,
  durationIn,
  localized,
  messagesOf,
  moneyIn,
  preferredLanguage,
} from '../../functions/portal/language.ts'
import type { Instant } from '../../schemas/primitives.ts'

/** Every key with what kind of text it has: a plain one, or one with so many blanks. */
function shapeOf(value: unknown, path = ''): string[] {
  if (typeof value === 'function') return [`${path}(${value.length})`]
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, inner]) => shapeOf(inner, `${path}/${key}`))
}
function textsOf(value: unknown): string[] {
  if (typeof value === 'function') return [String(value('甲', '乙'))]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [String(value)]
}

test('both languages say the same things', () => {
  expect(shapeOf(messagesOf['zh-CN']).sort()).toEqual(shapeOf(messagesOf.en).sort())
  expect(shapeOf(messagesOf.en).length).toBeGreaterThan(150)
})

test('English has no Chinese in it, and Chinese texts are Chinese', () => {
  const english = textsOf(messagesOf.en).map(text => text.replace(/[甲乙]/g, ''))
  expect(english.filter(text => /\p{Script=Han}/u.test(text))).toEqual([])
  const plain = textsOf(messagesOf['zh-CN']).filter(text => text.length > 1 && !/\p{Script=Han}/u.test(text))
  expect(plain).toEqual(['Tessera'])
})

test.each([
  [undefined, 'en'],
  ['', 'en'],
  ['*', 'en'],
  ['fr', 'en'],
  ['zh', 'zh-CN'],
  ['zh-TW', 'zh-CN'],
  ['en-GB,zh;q=0.9', 'en'],
  ['zh;q=0.8,en;q=0.9', 'en'],
  ['fr,zh-Hans-CN;q=0.7,en;q=0.3', 'zh-CN'],
  ['zh;q=0,en;q=0.1', 'en'],
  ['zhx', 'en'],
])('Accept-Language %s is %s', (header, expected) => {
  expect(preferredLanguage(header)).toBe(expected)
})

test('a header of any length is read only so far', () => {
  expect(preferredLanguage(`${'x,'.repeat(5_000)}zh`)).toBe('en')
})

test('texts, dates, money and durations as people read them', () => {
  expect(localized({ en: 'Youku', 'zh-CN': '优酷' }, 'zh-CN')).toBe('优酷')
  expect(localized({ 'zh-TW': '優酷' }, 'zh-CN')).toBe('優酷')
  expect(localized({ fr: 'Youkou' }, 'en')).toBe('Youkou')
  expect(localized('Youku', 'zh-CN')).toBe('Youku')
  // The same instant is another day in Shanghai.
  expect(dateIn('en', '2026-12-31T16:00:00Z' as Instant, 'Asia/Shanghai')).toBe('January 1, 2027')
  expect(dateIn('zh-CN', '2026-12-31T15:59:59Z' as Instant, 'Asia/Shanghai')).toBe('2026年12月31日')
  expect(moneyIn('zh-CN', { amountMinor: 8805, currency: 'CNY' })).toBe('¥88.05')
  expect(moneyIn('en', { amountMinor: 5, currency: 'CNY' })).toBe('CN¥0.05')
  expect(moneyIn('en', { amountMinor: 880, currency: 'JPY' })).toBe('¥880')
  expect(moneyIn('en', { amountMinor: 9_007_199_254_740_991, currency: 'USD' })).toBe('$90,071,992,547,409.91')
  expect(durationIn('en', 'P30D')).toBe('30 days')
  expect(durationIn('zh-CN', 'P30D')).toBe('30天')
  expect(durationIn('en', 'P1M')).toBe('1 month')
})
