import { describe, expect, test } from 'vitest'
import { barChart, toneAt, warningTone } from '../../functions/finance/charts.ts'
import { readable } from '../../functions/finance/charts-markup.ts'

const hostile = '<script>alert(1)</script>"\' onload="x" &amp; <style>*{}</style>'
const given = {
  label: `Uses of ${hostile}`,
  categories: ['1', hostile, '优酷 VIP'],
  series: [
    { name: hostile, values: [3, 0, 12], tone: toneAt(0) },
    { name: '虾米', values: [1, -2, 4], tone: warningTone },
  ],
  short: (value: number) => `${value}`,
  exact: (value: number) => `${value} ${hostile}`,
}

describe.each([true, false])('lying: %s', lying => {
  test('no style, no script, no markup of names, and a name for who cannot see it', async () => {
    const { narrow, wide } = await barChart({ ...given, lying })
    for (const svg of [narrow, wide]) {
      expect(svg).toMatch(/^<svg role="img" aria-label="Uses of &lt;script&gt;[^"]*" viewBox="0 0 \d+ \d+">/)
      const tags = svg.match(/<\/?[a-zA-Z][^>]*>/g) ?? []
      expect(new Set(tags.map(tag => /[a-z]+/i.exec(tag)?.[0]))).toEqual(new Set(['svg', 'rect', 'path', 'text']))
      for (const tag of tags) {
        const names = [...tag.matchAll(/\s([\w:-]+)="/g)].map(([, name]) => name)
        expect(names.filter(name => name === 'style' || name?.startsWith('on') || name?.includes(':'))).toEqual([])
      }
      expect(svg).not.toMatch(/#0000|<style|<script|href|url\(/)
      if (lying) expect(svg).toContain('优酷 VIP')
      expect(svg).toContain('虾米')
    }
    expect(narrow).toContain('viewBox="0 0 320 ')
    expect(wide).toContain('viewBox="0 0 900 ')
  })

  test('series and texts have classes of both colour schemes', async () => {
    const { wide } = await barChart({ ...given, lying })
    for (const name of ['chart-1', 'chart-8', 'chart-ink', 'chart-grid is-line'])
      expect(wide).toContain(`class="${name}"`)
  })
})

test('the same data gives the same picture', async () => {
  expect(await barChart(given)).toEqual(await barChart(given))
})

test('what a style says becomes an attribute, and what is unknown goes', () => {
  const svg =
    '<svg width="9" height="9" viewBox="0 0 9 9" onload="x"><foreignObject><b>x</b></foreignObject>' +
    '<text style="font-size:13px;color:red;position:fixed" class="a" fill="#0000f0">t</text>' +
    '<path d="M0 0" stroke="#0000f1" fill="none"></path><style>x{}</style></svg>'
  expect(readable(svg, 'A "b"')).toBe(
    '<svg role="img" aria-label="A &quot;b&quot;" viewBox="0 0 9 9">x<text class="chart-ink" font-size="13px">t</text>' +
      '<path class="chart-grid is-line" d="M0 0" fill="none"></path></svg>',
  )
})
