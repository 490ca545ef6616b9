import { readable } from './charts-markup.ts'

/** A bar chart as data. Categories and series stand in the order in which they are read. */
export type Bars = {
  /** What a screen reader says in place of the picture. */
  label: string
  categories: readonly string[]
  series: readonly { name: string; values: readonly number[]; tone: Tone }[]
  /** Bars lie and are labelled with their values; else they stand, stacked. */
  lying?: boolean
  /** Of the axis. */
  short: (value: number) => string
  /** Of a bar's label. */
  exact?: (value: number) => string
}
/** Classes of portal.css, which hold in both colour schemes. */
export type Tone = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8
export const toneAt = (place: number): Tone => ((place % 6) + 1) as Tone
export const otherTone: Tone = 7
export const warningTone: Tone = 8

/** The same picture for narrow and for wide pages: scaled down, its text could not be read. */
export type Chart = { narrow: string; wide: string }

/**
 * Drawn on the server, as markup without styles and scripts that a page takes as it is. Names of documents are text in
 * it, whatever they hold.
 */
export async function barChart(bars: Bars): Promise<Chart> {
  const echarts = await library()
  const draw = (width: number, isNarrow: boolean): string => {
    const height = bars.lying
      ? 56 + bars.categories.length * bars.series.length * 26 + bars.categories.length * 10
      : 320
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
    try {
      chart.setOption(optionOf(bars, isNarrow))
      return readable(chart.renderToSVGString(), bars.label)
    } finally {
      chart.dispose()
    }
  }
  return { narrow: draw(320, true), wide: draw(900, false) }
}

/** Most requests draw nothing: only what is used is loaded, and only then. */
async function library() {
  const [core, { BarChart }, { GridComponent, LegendComponent }, { SVGRenderer }] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ])
  core.use([BarChart, GridComponent, LegendComponent, SVGRenderer])
  return core
}

/** Colours that stand for classes, which `readable` puts in their place. */
export const marks = {
  ink: '#0000f0',
  grid: '#0000f1',
  axis: '#0000f2',
  tone: (tone: Tone) => `#00000${tone}`,
} as const

/** The table has the whole name. */
const shortened =
  (most: number) =>
  (name: string): string => {
    const characters = Array.from(name)
    return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : name
  }

function optionOf({ categories, series, lying = false, short, exact }: Bars, isNarrow: boolean) {
  const text = { color: marks.ink, fontSize: 13, fontFamily: 'sans-serif' }
  const withLegend = series.length > 1
  const names = {
    type: 'category' as const,
    data: [...categories],
    inverse: lying,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: marks.axis } },
    axisLabel: {
      ...text,
      hideOverlap: true,
      ...(lying && { width: isNarrow ? 92 : 220, overflow: 'truncate' as const }),
    },
  }
  const values = {
    type: 'value' as const,
    splitNumber: isNarrow ? 3 : 5,
    splitLine: { lineStyle: { color: marks.grid } },
    axisLabel: { ...text, hideOverlap: true, formatter: short },
  }
  return {
    animation: false,
    textStyle: text,
    legend: {
      show: withLegend,
      top: 0,
      left: 0,
      itemWidth: 14,
      itemHeight: 14,
      itemGap: 14,
      textStyle: text,
      formatter: shortened(isNarrow ? 14 : 28),
    },
    grid: {
      top: withLegend ? (isNarrow ? 28 + 22 * Math.ceil(series.length / 2) : 48) : 8,
      // Estimated without the page's font, names may come out wider.
      left: lying ? 20 : 8,
      // Room for the labels at the ends of the bars.
      right: lying ? (isNarrow ? 74 : 110) : 8,
      bottom: 4,
      outerBoundsMode: 'same' as const,
    },
    xAxis: lying ? values : names,
    yAxis: lying ? names : values,
    series: series.map(({ name, values: data, tone }) => ({
      type: 'bar' as const,
      name,
      ...(lying ? { barMaxWidth: 24 } : { stack: 'all' }),
      itemStyle: { color: marks.tone(tone) },
      data: data.map(value => ({
        value,
        label: { show: lying, ...text, position: value < 0 ? ('left' as const) : ('right' as const) },
      })),
      ...(lying && exact && { label: { formatter: ({ value }: { value: unknown }) => exact(Number(value)) } }),
    })),
  }
}
