import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { buildStyles, classNames } from '../../functions/local/build-styles.ts'
import { styleAddress } from '../../functions/portal/style.ts'
import { stylesheet } from '../../functions/portal/stylesheet.ts'
import { hueOf } from '../../functions/portal/views/mark.tsx'

/** Contrast ratio of two `#rrggbb` colours (WCAG 2.2, relative luminance). */
function contrast(first: string, second: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = channels(colour).map(part => {
      const value = part / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [light = 0, dark = 0] = [luminance(first), luminance(second)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}
const channels = (colour: string) => [1, 3, 5].map(start => Number.parseInt(colour.slice(start, start + 2), 16))

/** `share` of one colour on another, as badges and alerts tint their ground. */
const tint = (colour: string, ground: string, share: number) => {
  const [under, over] = [channels(ground), channels(colour)]
  const mixed = under.map((part, place) => Math.round(part + ((over[place] ?? 0) - part) * share))
  return `#${mixed.map(part => part.toString(16).padStart(2, '0')).join('')}`
}

const source = readFileSync(join(import.meta.dirname, '../../functions/portal/portal.css'), 'utf8')
function variables(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]))
}
const [light = '', dark = ''] = [...source.matchAll(/:root \{([\s\S]*?)\}/g)].map(([, block]) => block ?? '')
const schemes = { light: variables(light), dark: { ...variables(light), ...variables(dark) } }
const grounds = ['color-base-100', 'color-base-200'] as const
const tones = ['primary', 'info', 'success', 'warning', 'error', 'secondary', 'neutral']

describe.each(Object.entries(schemes))('%s', (_name, colours) => {
  const of = (name: string) => colours[name] ?? ''
  test.each(grounds)('texts and links on %s are readable', ground => {
    for (const text of ['color-base-content', 'quiet', ...tones.map(tone => `color-${tone}`)])
      expect(contrast(of(text), of(ground)), text).toBeGreaterThanOrEqual(4.5)
  })
  test.each(tones)('%s: its text on it, and itself on its own tint', tone => {
    const colour = of(`color-${tone}`)
    expect(contrast(of(`color-${tone}-content`), colour)).toBeGreaterThanOrEqual(4.5)
    expect(contrast(colour, tint(colour, of('color-base-100'), 0.1))).toBeGreaterThanOrEqual(4.5)
  })
  test.each(grounds)('the edge of a control stands out from %s', ground => {
    expect(contrast(of('edge'), of(ground))).toBeGreaterThanOrEqual(3)
  })
})

test('white is readable on every monogram and on the membership card', () => {
  const hues = [...source.matchAll(/\.hue-\d+ \{\s*background: (#[0-9a-f]{6})/g)].map(([, colour = '']) => colour)
  expect(new Set(hues).size).toBe(12)
  // The lightest the card gets: its end colour, and the gold glow at 25 % over its start colour.
  for (const ground of [...hues, '#0f5f50', '#446b38', '#3d4541'])
    expect(contrast('#ffffff', ground), ground).toBeGreaterThanOrEqual(4.5)
  for (const ground of ['#0f5f50', '#446b38', '#3d4541'])
    expect(contrast('#d5e6e0', ground), ground).toBeGreaterThanOrEqual(4.5)
})

test('partners are told apart by their colours', () => {
  const ids = ['youku', 'xiami', 'eleme', 'fliggy']
  expect(new Set(ids.map(hueOf)).size).toBe(ids.length)
  const many = new Set(Array.from({ length: 100 }, (_, number) => hueOf(`partner-${number}`)))
  expect(many.size).toBe(12)
  for (const hue of many) expect(stylesheet.includes(`.${hue}{`), hue).toBe(true)
})

describe('what browsers get', () => {
  test('is what the sources make', async () => {
    const built = await buildStyles()
    expect(built === stylesheet, 'functions/portal/stylesheet.ts is stale: run npm run build:css').toBe(true)
  })

  test('holds nothing that the content security policy forbids, and nothing from elsewhere', () => {
    expect(/url\(|@import|https?:|data:|<\//.exec(stylesheet)?.[0]).toBe(undefined)
  })

  test('is small', () => {
    expect(gzipSync(stylesheet).length).toBeLessThanOrEqual(15 * 1024)
  })

  test('has its content in its address', () => {
    expect(styleAddress).toMatch(/^\/portal\.css\?v=[0-9a-f]{12}$/)
  })

  test('has the house pieces and both schemes', () => {
    for (const name of ['.panel', '.btn-primary', '.facts', '.option', '.member-card', '.badge-soft', '.progress'])
      expect(stylesheet.includes(name), name).toBe(true)
    expect(stylesheet.includes('prefers-color-scheme:dark')).toBe(true)
  })
})

test('classes come from string literals of the pages only', () => {
  const names = classNames()
  expect(names).toEqual(expect.arrayContaining(['btn', 'btn-primary', 'w-full', 'sm:w-auto', 'size-20', 'mark']))
  expect(names).not.toContain('')
})
