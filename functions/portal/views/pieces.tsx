import type { Child, FC } from 'hono/jsx'
import type { Visit } from '../visit.ts'
import { Monogram } from './mark.tsx'

type Holding = { children?: Child }

/** The proof that a form is ours, which every form carries. */
export const Csrf: FC<{ visit: Visit }> = ({ visit }) => (
  <input type="hidden" name="csrf" value={visit.session?.csrf ?? ''} />
)

/** A page's one thing, on a card in the middle. */
export const Panel: FC<Holding & { labelledby?: string }> = ({ children, labelledby }) => (
  <section class="panel" aria-labelledby={labelledby}>
    {children}
  </section>
)

/** The page's one h1, with the partner that it is about and a sentence under it. */
export const PageHead: FC<{ title: string; lead?: string; partner?: { id: string; name: string } }> = props => {
  const { title, lead, partner } = props
  return (
    <div class="mb-5">
      <div class="flex items-center gap-4">
        {partner && <Monogram id={partner.id} name={partner.name} />}
        <h1 class="text-2xl sm:text-3xl">{title}</h1>
      </div>
      {lead && <p class="mt-3 text-lg text-quiet">{lead}</p>}
    </div>
  )
}

export const Heading: FC<Holding & { id?: string }> = ({ children, id }) => (
  <h2 id={id} class="mt-6 mb-2 text-lg">
    {children}
  </h2>
)

/** Buttons under a text: the one that is meant first. */
export const Actions: FC<Holding> = ({ children }) => <div class="mt-6 flex flex-wrap gap-3">{children}</div>

/** Name and value pairs; `columns` where there is room. */
export const Facts: FC<Holding & { columns?: boolean }> = ({ children, columns = false }) => (
  <dl class={columns ? 'facts sm:grid-cols-2' : 'facts'}>{children}</dl>
)
export const Fact: FC<Holding & { term: string; whole?: boolean }> = ({ term, children, whole = false }) => (
  <div class={whole ? 'sm:col-span-full' : undefined}>
    <dt>{term}</dt>
    <dd>{children}</dd>
  </div>
)

export const Items: FC<{ items: readonly Child[] }> = ({ items }) => (
  <ul class="items">
    {items.map(item => (
      <li>{item}</li>
    ))}
  </ul>
)

const chineseDate = /(\d{4}年\d{1,2}月\d{1,2}日)/

/** A sentence whose Chinese dates stay in one piece: they may break after every character. */
export const Dated: FC<{ text: string }> = ({ text }) => (
  <>
    {text
      .split(chineseDate)
      .map(part => (chineseDate.test(part) ? <span class="whitespace-nowrap">{part}</span> : part))}
  </>
)

const tones = {
  neutral: 'badge badge-ghost',
  info: 'badge badge-soft badge-info',
  success: 'badge badge-soft badge-success',
  warning: 'badge badge-soft badge-warning',
  error: 'badge badge-soft badge-error',
} as const
export type Tone = keyof typeof tones
export const Badge: FC<Holding & { tone: Tone }> = ({ tone, children }) => <span class={tones[tone]}>{children}</span>

const alerts = {
  neutral: 'alert',
  info: 'alert alert-soft alert-info',
  success: 'alert alert-soft alert-success',
  warning: 'alert alert-soft alert-warning',
  error: 'alert alert-soft alert-error',
} as const
/** Something to know within a page. */
export const Alert: FC<Holding & { tone: Tone }> = ({ tone, children }) => (
  <div class={alerts[tone]}>
    <div>{children}</div>
  </div>
)

/** Says that something was done; read out when the page opens. */
export const Banner: FC<Holding> = ({ children }) => (
  <p class="alert alert-soft alert-success mb-6 font-semibold" role="status">
    <Tick />
    <span>{children}</span>
  </p>
)

export const Tick: FC<{ large?: boolean }> = ({ large = false }) => (
  <svg
    class={large ? 'size-12 flex-none' : 'size-6 flex-none'}
    viewBox="0 0 24 24"
    aria-hidden="true"
    focusable="false"
  >
    <circle cx="12" cy="12" r="11" fill="currentColor" opacity=".16" />
    <path
      d="m7 12.5 3.4 3.4L17 9"
      fill="none"
      stroke="currentColor"
      stroke-width="2.2"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  </svg>
)

/** Nothing here yet, and what would change that. */
export const Empty: FC<Holding & { title: string; text: string }> = ({ title, text, children }) => (
  <div class="rounded-box border border-dashed border-base-300 px-5 py-10 text-center">
    <h2 class="text-lg">{title}</h2>
    <p class="mx-auto mt-1 max-w-md text-quiet">{text}</p>
    {children && <div class="mt-5 flex flex-wrap justify-center gap-3">{children}</div>}
  </div>
)
