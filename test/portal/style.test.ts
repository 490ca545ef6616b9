import { describe, expect, test } from 'vitest'
import { stylesheet } from '../../functions/portal/style.ts'

/** Contrast ratio of two `#rrggbb` colours (WCAG 2.2, relative luminance). */
function contrast(first: string, second: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(start => {
      const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [light = 0, dark = 0] = [luminance(first), luminance(second)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

function variables(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]))
}
const [light = '', dark = ''] = [...stylesheet.matchAll(/:root \{([\s\S]*?)\}/g)].map(([, block]) => block ?? '')
const schemes = { light: variables(light), dark: { ...variables(light), ...variables(dark) } }

const texts = [
  ['ink', 'page'],
  ['ink', 'panel'],
  ['quiet', 'page'],
  ['quiet', 'panel'],
  ['link', 'page'],
  ['link', 'panel'],
  ['on-brand', 'brand'],
  ['on-brand', 'brand-strong'],
  ['on-danger', 'danger'],
  ...['green', 'amber', 'blue', 'violet', 'red', 'grey'].map(name => [`on-${name}`, name]),
]
const controls = [
  ['edge', 'page'],
  ['edge', 'panel'],
  ['brand', 'page'],
  ['brand', 'panel'],
]

describe.each(Object.entries(schemes))('%s', (_name, colours) => {
  test.each(texts)('%s on %s is readable', (text = '', ground = '') => {
    expect(contrast(colours[text] ?? '', colours[ground] ?? '')).toBeGreaterThanOrEqual(4.5)
  })
  test.each(controls)('%s stands out from %s', (edge = '', ground = '') => {
    expect(contrast(colours[edge] ?? '', colours[ground] ?? '')).toBeGreaterThanOrEqual(3)
  })
})

test('white is readable on every monogram and on the membership card', () => {
  const hues = [...stylesheet.matchAll(/\.hue-\d \{ background: (#[0-9a-f]{6})/g)].map(([, colour = '']) => colour)
  expect(hues).toHaveLength(8)
  // The lightest the card gets: its end colour, and the gold glow at 25 % over its start colour.
  for (const ground of [...hues, '#0f5f50', '#446b38', '#3d4541'])
    expect(contrast('#ffffff', ground), ground).toBeGreaterThanOrEqual(4.5)
  for (const ground of ['#0f5f50', '#446b38', '#3d4541'])
    expect(contrast('#d5e6e0', ground), ground).toBeGreaterThanOrEqual(4.5)
})

test('nothing is fetched from elsewhere', () => {
  expect(stylesheet).not.toMatch(/url\(|@import|https?:/)
})
