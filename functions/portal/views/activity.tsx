import type { FC } from 'hono/jsx'
import type { ActivityEntry } from '../../../schemas/link.ts'
import type { Instant, LocalizedText } from '../../../schemas/primitives.ts'
import type { Programme } from '../../../schemas/programme.ts'
import type { Page } from '../../kernel/table.ts'
import { type Language, localized, type Messages } from '../language.ts'
import { type SignedInVisit, unlinkPath, type View } from '../visit.ts'
import { Monogram } from './mark.tsx'
import { Actions, Empty, PageHead } from './pieces.tsx'

/** What the entries of a page name. */
export type ActivityNames = {
  partners: ReadonlyMap<string, LocalizedText | string>
  programmes: ReadonlyMap<string, Programme>
  /** Links that stand. */
  live: ReadonlySet<string>
  /** Of entries without a programme. */
  timeZone: string
}

export function activityView(visit: SignedInVisit, { items, next }: Page<ActivityEntry>, names: ActivityNames): View {
  const { messages, url } = visit
  const text = messages.activity
  const isFirst = !url.searchParams.has('cursor')
  return {
    title: text.title,
    body: (
      <>
        <PageHead title={text.title} lead={text.lead} />
        {items.length === 0 ? (
          <Empty title={text.emptyTitle} text={isFirst ? text.empty : text.emptyOlder}>
            {isFirst && (
              <a class="btn btn-primary" href="/">
                {messages.backHome}
              </a>
            )}
          </Empty>
        ) : (
          <ul class="divide-y divide-base-300 rounded-box border border-base-300 bg-base-100">
            {items.map(entry => (
              <Line visit={visit} entry={entry} names={names} />
            ))}
          </ul>
        )}
        {(next || !isFirst) && (
          <Actions>
            {next && (
              <a class="btn btn-outline w-full sm:w-auto" href={`/activity?${new URLSearchParams({ cursor: next })}`}>
                {text.older}
              </a>
            )}
            {!isFirst && (
              <a class="btn btn-ghost w-full sm:w-auto" href="/activity">
                {text.newest}
              </a>
            )}
          </Actions>
        )}
      </>
    ),
  }
}

type Props = { visit: SignedInVisit; entry: ActivityEntry; names: ActivityNames }

const Line: FC<Props> = ({ visit, entry, names }) => {
  const { messages, language } = visit
  const { partner: id, action, at } = entry
  const programme = names.programmes.get(entry.programme ?? '')
  const partner = id === undefined ? '' : localized(names.partners.get(id) ?? id, language)
  const benefit = programme?.benefits.find(candidate => candidate.id === entry.benefit)
  const benefitName = localized(benefit?.name ?? entry.benefit ?? '', language)
  const programmeName = localized(programme?.name ?? entry.programme ?? '', language)
  return (
    <li class="flex items-start gap-4 p-4">
      {id !== undefined && <Monogram id={id} name={partner} />}
      <div class="min-w-0 flex-1">
        <p class="font-semibold break-words">{messages.activity.actions[action](partner, benefitName)}</p>
        <p class="text-sm text-quiet">
          <time datetime={at} class="whitespace-normal">
            {momentIn(language, at, programme?.timeZone ?? names.timeZone)}
          </time>
          {programmeName && ` · ${programmeName}`}
        </p>
        {wordsOf(messages, entry).map(words => (
          <p class="mt-1">{words}</p>
        ))}
        {action === 'linked' && (
          <Consent visit={visit} entry={entry} names={names} partner={partner} programme={programmeName} />
        )}
      </div>
    </li>
  )
}

/** Why, and how the member agreed. */
function wordsOf({ activity, notices }: Messages, { action, reason, code, via }: ActivityEntry): string[] {
  const titles: Readonly<Record<string, readonly [string, string]>> = notices
  const refused = code === undefined ? undefined : titles[code]?.[0]
  return [
    reason && activity.reasons[reason],
    action === 'link-refused' && refused && `${refused}${/[。.]$/.test(refused) ? '' : stopOf(refused)}`,
    (action === 'link-refused' || action === 'link-cancelled') && activity.nothingShared,
    action === 'linked' && via && activity.via[via],
  ].filter(words => typeof words === 'string')
}

/** Titles have no full stop; a sentence does. */
const stopOf = (title: string): string => (/\p{Script=Han}/u.test(title) ? '。' : '.')

const Consent: FC<Props & { partner: string; programme: string }> = ({ visit, entry, names, partner, programme }) => {
  const { messages } = visit
  const text = messages.activity
  const stands = entry.link !== undefined && names.live.has(entry.link)
  return (
    <>
      <p class="mt-1 text-sm text-quiet">{text.consent(partner, programme)}</p>
      <p class="mt-1 text-sm">
        {stands && entry.partner !== undefined ? (
          <>
            {text.undo}{' '}
            <a class="link" href={unlinkPath(entry.partner, entry.programme)}>
              {messages.unlink}
              <span class="sr-only">{messages.withPartner(partner)}</span>
            </a>
          </>
        ) : (
          <span class="text-quiet">{text.undone}</span>
        )}
      </p>
    </>
  )
}

/** Day and time of the place, with its offset, since a member may be elsewhere. */
function momentIn(language: Language, at: Instant, timeZone: string): string {
  const date = new Date(at)
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short', timeZone }).format(date)
  const zone = new Intl.DateTimeFormat(language, { timeZone, timeZoneName: 'shortOffset' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName')?.value
  return zone ? `${moment} (${zone})` : moment
}
