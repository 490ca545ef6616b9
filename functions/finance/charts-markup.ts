/** Attributes that are kept of what the library draws; styles, classes and handlers are not among them. */
const kept = new Set(
  'd x y x1 y1 x2 y2 cx cy r rx ry width height points transform viewBox fill fill-opacity stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-opacity opacity text-anchor dominant-baseline font-size font-weight'.split(
    ' ',
  ),
)
const elements = new Set(['svg', 'g', 'path', 'text', 'rect', 'line', 'circle', 'polyline', 'polygon', 'tspan'])

/** What stands for a colour in the drawing, and the class that gives it in both schemes. */
const classOf: Readonly<Record<string, string>> = {
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map(tone => [`#00000${tone}`, `chart-${tone}`])),
  '#0000f0': 'chart-ink',
  '#0000f1': 'chart-grid',
  '#0000f2': 'chart-axis',
}

/**
 * The drawing as markup for a page whose content security policy allows no inline styles: what was a style becomes an
 * attribute, colours become classes of the stylesheet, and only known elements and attributes stay.
 */
export function readable(svg: string, label: string): string {
  const plain = svg
    .replaceAll(/<style[\s\S]*?<\/style>/g, '')
    .replaceAll(/<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*(\/?)>/g, (_tag, slash, name, attributes, self) => {
      if (!elements.has(name)) return ''
      return slash ? `</${name}>` : `<${name}${attributesOf(name, attributes)}${self}>`
    })
    .replaceAll(/\s*\n\s*/g, '')
  // By a function: a label may have `$&` in it, which a text would put to use.
  return plain.replace('<svg', () => `<svg role="img" aria-label="${escaped(label)}"`)
}

function attributesOf(element: string, text: string): string {
  const given = [...text.matchAll(/([\w:-]+)="([^"]*)"/g)].flatMap(([, name = '', value = '']) =>
    name === 'style' ? declarations(value) : [[name, value] as const],
  )
  const classes = new Set<string>()
  const attributes = given.flatMap(([name, value]) => {
    const known = name === 'fill' || name === 'stroke' ? classOf[value] : undefined
    if (known) classes.add(known)
    // The page decides how large the picture is.
    const isSize = element === 'svg' && (name === 'width' || name === 'height')
    return known || isSize || !kept.has(name) ? [] : [` ${name}="${value}"`]
  })
  // Lines and areas without a colour of their own stay invisible, as the library means them.
  const isStroke = given.some(([name, value]) => name === 'stroke' && classOf[value])
  const all = [...classes].map(name => (isStroke && name !== 'chart-ink' ? `${name} is-line` : name))
  return `${all.length > 0 ? ` class="${all.join(' ')}"` : ''}${attributes.join('')}`
}

/** `font-size:13px;font-family:…` as pairs of names and values. */
const declarations = (style: string): (readonly [string, string])[] =>
  style.split(';').flatMap(one => {
    const [name = '', value = ''] = one.split(':')
    return value ? [[name.trim(), value.trim()] as const] : []
  })

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
