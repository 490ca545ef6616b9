import type { FC } from 'hono/jsx'
import type { ExceptionState, Severity, UsageException } from '../../../schemas/exception.ts'
import { actorOfRuns } from '../../exceptions/plan.ts'
import { Badge, type Tone } from '../../portal/views/pieces.tsx'
import type { Words } from '../words.ts'

/** Each severity has a shape of its own: colour alone would say nothing to some. */
const shapes: Record<Severity, string> = {
  low: 'M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z',
  medium: 'M8 2l6 6-6 6-6-6z',
  high: 'M8 1.5 15 14H1z',
}
const severityTones: Record<Severity, string> = { low: 'text-quiet', medium: 'text-warning', high: 'text-error' }

export const SeverityMark: FC<{ words: Words; severity: Severity }> = ({ words, severity }) => (
  <span class={`inline-flex items-center gap-1.5 whitespace-nowrap font-semibold ${severityTones[severity]}`}>
    <svg class="size-4 flex-none" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={shapes[severity]} fill={severity === 'low' ? 'none' : 'currentColor'} stroke="currentColor" />
    </svg>
    {words.exceptions.severities[severity]}
  </span>
)

const stateTones: Record<ExceptionState, Tone> = { open: 'warning', assigned: 'info', resolved: 'success' }

/** The state; of what is resolved, how. */
export const ExceptionBadge: FC<{ words: Words; of: Pick<UsageException, 'state' | 'resolution'> }> = props => {
  const { words, of } = props
  const outcome = of.resolution?.outcome
  const text =
    of.state === 'resolved' && outcome ? words.exceptions.outcomes[outcome] : words.exceptions.states[of.state]
  return <Badge tone={stateTones[of.state]}>{text}</Badge>
}

/** Characters that show nothing, or that turn the text around them: controls, zero-width and bidirectional ones. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not act on the page
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Text from outside with what cannot be seen written out as `⟨U+202E⟩`, so that it cannot pretend to be another one. */
export const visibleText = (text: string): string =>
  text.replace(unseen, found => `⟨U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`)

/** Text that somebody outside wrote: it keeps to itself, whatever direction it has. */
export const Foreign: FC<{ text: string }> = ({ text }) => <bdi>{visibleText(text)}</bdi>

/** Who did something: a colleague, a client of the API, or the machine. */
export const Actor: FC<{ words: Words; actor: string }> = ({ words, actor }) => <bdi>{actorText(words, actor)}</bdi>

export function actorText({ exceptions: { one } }: Words, actor: string): string {
  if (actor === actorOfRuns) return one.trail.reconciliation
  const name = visibleText(actor)
  return name.startsWith('staff:') ? one.trail.staff(name.slice('staff:'.length)) : one.trail.client(name)
}
