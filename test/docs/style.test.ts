import { describe, expect, test } from 'vitest'
import { stylesheet } from '../../functions/docs/style.ts'

/** Relative luminance of `#rrggbb` (WCAG 2.2). */
const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(start => {
    const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
const contrast = (first: string, second: string): number => {
  const [light = 0, dark = 0] = [luminance(first), luminance(second)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

const variables = (block = ''): Record<string, string> =>
  Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]))
const [light, dark] = [...stylesheet.matchAll(/:root \{([\s\S]*?)\}/g)].map(([, block]) => variables(block))
const schemes: Record<string, Record<string, string>> = { light: { ...light }, dark: { ...light, ...dark } }

const pairs = [
  ...['page', 'panel', 'code'].flatMap(ground => ['ink', 'quiet', 'link'].map(text => [text, ground, 4.5] as const)),
  ...['green', 'blue', 'amber', 'red', 'grey'].map(ground => [`on-${ground}`, ground, 4.5] as const),
  ['ink', 'grey', 4.5] as const,
  ...['edge', 'brand'].flatMap(edge => ['page', 'panel'].map(ground => [edge, ground, 3] as const)),
]

describe.each(Object.keys(schemes))('%s', scheme => {
  test.each(pairs)('%s stands out from %s', (text, ground, least) => {
    const { [text]: front = '', [ground]: back = '' } = schemes[scheme] ?? {}
    expect(contrast(front, back)).toBeGreaterThanOrEqual(least)
  })
})

test('every class of the page’s badges has a colour in both schemes', () => {
  for (const name of ['get', 'post', 'put', 'patch', 'delete', 'good', 'bad', 'required', 'optional'])
    expect(stylesheet).toMatch(new RegExp(`\\.${name}\\b[^{]*\\{ background: var\\(--[a-z]+\\); color: var\\(--on-`))
})
