/** The forms and links of a page, for a browser without script. */

export interface Button {
  readonly name: string
  readonly value: string
  readonly text: string
  readonly action?: string
}

export interface Form {
  readonly id: string
  /** Absolute address. */
  readonly action: URL
  readonly method: 'GET' | 'POST'
  /** Controls by name with the values the page gives them; a box that is not ticked is undefined. */
  readonly controls: ReadonlyMap<string, string | undefined>
  readonly buttons: readonly Button[]
}

export interface Link {
  readonly href: URL
  readonly text: string
}

const ATTRIBUTES = `((?:"[^"]*"|'[^']*'|[^'">])*)`
const ELEMENT = new RegExp(
  String.raw`<form\b${ATTRIBUTES}>|(</form>)|<input\b${ATTRIBUTES}>` +
    String.raw`|<(button|textarea|select|a)\b${ATTRIBUTES}>([\s\S]*?)</\4>`,
  'gi',
)

interface DraftForm {
  readonly attributes: ReadonlyMap<string, string>
  readonly controls: Map<string, string | undefined>
  readonly buttons: Button[]
}

/** Forms and links of a page. Enough for well-formed pages; not an HTML parser. */
export function parseHtml(html: string, url: URL): { forms: readonly Form[]; links: readonly Link[] } {
  const drafts: DraftForm[] = []
  const links: Link[] = []
  // A control outside its form names it (attribute `form`), perhaps before it: those wait for the end.
  const waiting: { control: (form: DraftForm) => void; formId: string }[] = []
  let open: DraftForm | undefined
  const readable = html.replace(/<!--[\s\S]*?-->|<(script|style)\b[\s\S]*?<\/\1>/gi, '')
  for (const [, formText, formEnd, inputText, tag, elementText, content = ''] of readable.matchAll(ELEMENT)) {
    if (formText !== undefined) {
      open = { attributes: attributesOf(formText), controls: new Map(), buttons: [] }
      drafts.push(open)
    } else if (formEnd !== undefined) {
      open = undefined
    } else {
      const attributes = attributesOf(inputText ?? elementText ?? '')
      const href = attributes.get('href')
      if (tag?.toLowerCase() === 'a') {
        if (href !== undefined && URL.canParse(href, url.href))
          links.push({ href: new URL(href, url), text: plain(content) })
        continue
      }
      const control = controlOf(tag?.toLowerCase() ?? 'input', attributes, content)
      const formId = attributes.get('form')
      if (formId !== undefined) waiting.push({ control, formId })
      else if (open) control(open)
    }
  }
  for (const { control, formId } of waiting) {
    const form = drafts.find(({ attributes }) => attributes.get('id') === formId)
    if (form) control(form)
  }
  return { links, forms: drafts.map(draft => formOf(draft, url)) }
}

function formOf({ attributes, controls, buttons }: DraftForm, url: URL): Form {
  return {
    id: attributes.get('id') ?? '',
    action: new URL(attributes.get('action') || url.href, url),
    method: attributes.get('method')?.toUpperCase() === 'POST' ? 'POST' : 'GET',
    controls,
    buttons,
  }
}

function controlOf(tag: string, attributes: ReadonlyMap<string, string>, content: string): (form: DraftForm) => void {
  const name = attributes.get('name') ?? ''
  const value = attributes.get('value')
  const type = attributes.get('type')?.toLowerCase() ?? (tag === 'button' ? 'submit' : 'text')
  if (attributes.has('disabled')) return () => undefined
  if (type === 'submit' && (tag === 'button' || tag === 'input')) {
    const action = attributes.get('formaction')
    const text = tag === 'button' ? plain(content) : (value ?? '')
    return form => form.buttons.push({ name, value: value ?? '', text, ...(action === undefined ? {} : { action }) })
  }
  if (name === '' || type === 'button' || type === 'reset') return () => undefined
  if (tag === 'textarea') return form => form.controls.set(name, entities(content))
  if (tag === 'select') return form => form.controls.set(name, selectedOf(content))
  if (type !== 'checkbox' && type !== 'radio') return form => form.controls.set(name, value ?? '')
  const ticked = attributes.has('checked') ? (value ?? 'on') : undefined
  return form => form.controls.set(name, ticked ?? form.controls.get(name))
}

function selectedOf(content: string): string | undefined {
  const options = [...content.matchAll(new RegExp(String.raw`<option\b${ATTRIBUTES}>([^<]*)`, 'gi'))].map(
    ([, text = '', label = '']) => ({ attributes: attributesOf(text), label: plain(label) }),
  )
  const chosen = options.find(({ attributes }) => attributes.has('selected')) ?? options[0]
  return chosen && (chosen.attributes.get('value') ?? chosen.label)
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  const found = text.matchAll(/([^\s"'=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)
  return new Map(
    [...found].map(([, name = '', double, single, bare]) => [
      name.toLowerCase(),
      entities(double ?? single ?? bare ?? ''),
    ]),
  )
}

const plain = (html: string) =>
  entities(html.replace(/<[^>]*>/g, ''))
    .replace(/\s+/g, ' ')
    .trim()

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

function entities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
