import type { FC } from 'hono/jsx'
import type { OtherLink } from '../../memberships/overview.ts'
import { dateIn, localized } from '../language.ts'
import { type SignedInVisit, unlinkPath } from '../visit.ts'
import { StateBadge } from './benefit-card.tsx'
import { Monogram } from './mark.tsx'

type Props = { visit: SignedInVisit; others: OtherLink[] }

/** Accounts that are linked, though no benefit needs them any more: to be undone here. */
export const OtherLinks: FC<Props> = ({ visit, others }) => (
  <section class="grid gap-4" aria-labelledby="other-links">
    <div>
      <h2 id="other-links" class="text-xl">
        {visit.messages.otherLinks}
      </h2>
      <p class="mt-1 text-quiet">{visit.messages.otherLinksLead}</p>
    </div>
    <ul class="divide-y divide-base-300 rounded-box border border-base-300 bg-base-100">
      {others.map(other => (
        <Line visit={visit} other={other} />
      ))}
    </ul>
  </section>
)

const Line: FC<{ visit: SignedInVisit; other: OtherLink }> = ({ visit, other: { link, partner, programme } }) => {
  const { messages, language } = visit
  const name = localized(partner.name, language)
  return (
    <li class="flex flex-wrap items-center gap-x-4 gap-y-3 p-4">
      <Monogram id={partner.id} name={name} />
      <div class="min-w-0 flex-1 basis-40">
        <p>
          <strong>{link.account}</strong>{' '}
          <span class="whitespace-nowrap text-quiet">
            {messages.since(dateIn(language, link.since, programme.timeZone))}
          </span>
        </p>
        <p class="text-sm text-quiet">
          {name} · {localized(programme.name, language)}
        </p>
        {link.state === 'broken' && <StateBadge visit={visit} state="broken" />}
      </div>
      <a class="btn btn-outline btn-sm" href={unlinkPath(partner.id, programme.id)}>
        {messages.unlink}
        <span class="sr-only">{messages.withPartner(name)}</span>
      </a>
    </li>
  )
}
