import { type Ending, type Holdings, mostCounted } from '../../privacy/describe-holdings.ts'
import { localized } from '../language.ts'
import type { SignedInVisit, View, Visit } from '../visit.ts'
import { Actions, Alert, Csrf, Fact, Facts, Heading, Items, PageHead, Panel } from './pieces.tsx'

/** What is held, and what the member can do about it. */
export function privacyView(visit: SignedInVisit, { member, memberships, links, activity }: Holdings): View {
  const text = visit.messages.privacy
  return {
    title: text.title,
    body: (
      <Panel>
        <PageHead title={text.title} lead={text.lead} />
        <Heading>{text.heldTitle}</Heading>
        <Facts>
          <Fact term={text.identity}>{text.identityText}</Fact>
          {member?.attributes && <Fact term={text.attributes}>{text.attributesText}</Fact>}
          <Fact term={text.memberships(memberships)}>{text.membershipsText}</Fact>
          <Fact term={text.links(links)}>{text.linksText}</Fact>
          <Fact term={activity > mostCounted ? text.activityMore(mostCounted) : text.activity(activity)}>
            {text.activityText}
          </Fact>
          <Fact term={text.usage}>{text.usageText}</Fact>
        </Facts>
        <Heading>{text.exportTitle}</Heading>
        <p>{text.exportText}</p>
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href="/privacy/export" download>
            {text.exportButton}
          </a>
        </Actions>
        <div class="divider" />
        <Heading>{text.signOutTitle}</Heading>
        <p>{text.signOutText}</p>
        <form method="post" action="/sign-out">
          <Csrf visit={visit} />
          <input type="hidden" name="everywhere" value="yes" />
          <Actions>
            <button type="submit" class="btn btn-outline w-full sm:w-auto">
              {text.signOutButton}
            </button>
          </Actions>
        </form>
        <div class="divider" />
        <Heading>{text.eraseTitle}</Heading>
        <p>{text.eraseText}</p>
        <Actions>
          <a class="btn btn-outline w-full sm:w-auto" href="/privacy/erase">
            {text.eraseLink}
          </a>
        </Actions>
      </Panel>
    ),
  }
}

/** The last question before an erasure: what ends, what goes, what stays and why. */
export function eraseView(visit: SignedInVisit, { programmes, partners }: Ending, { isUnticked = false } = {}): View {
  const { messages, language } = visit
  const text = messages.privacy
  const ends = [
    ...programmes.map(({ name }) => text.endsMembership(localized(name, language))),
    ...partners.map(({ name }) => text.endsLink(localized(name, language))),
    text.endsSessions,
  ]
  return {
    title: isUnticked ? `${text.faultTitle}: ${text.askTitle}` : text.askTitle,
    ...(isUnticked && { status: 422 }),
    body: (
      <Panel>
        <PageHead title={text.askTitle} />
        <Alert tone="warning">
          <p>{text.irreversible}</p>
        </Alert>
        <Heading>{text.endsTitle}</Heading>
        <Items items={ends} />
        <Heading>{text.goesTitle}</Heading>
        <Items items={text.goes} />
        <Heading>{text.staysTitle}</Heading>
        <Items items={text.stays} />
        <form method="post" action="/privacy/erase" class="mt-6 grid gap-4">
          <Csrf visit={visit} />
          <div>
            <label class="option">
              <input
                class="checkbox checkbox-primary rounded-md"
                type="checkbox"
                name="understood"
                value="yes"
                required
                aria-invalid={isUnticked ? 'true' : undefined}
                aria-describedby={isUnticked ? 'unticked' : undefined}
              />
              <span>{text.understood}</span>
            </label>
            {isUnticked && (
              <p id="unticked" class="mt-2 text-sm text-error" role="alert">
                {text.unticked}
              </p>
            )}
          </div>
          <Actions>
            <button type="submit" class="btn btn-error w-full sm:w-auto">
              {text.eraseButton}
            </button>
            <a class="btn btn-outline w-full sm:w-auto" href="/privacy">
              {text.keep}
            </a>
          </Actions>
        </form>
      </Panel>
    ),
  }
}

const gone = ['signed-out', 'erased', 'erasing'] as const
type Gone = (typeof gone)[number]
export const isGone = (done: string | null): done is Gone => gone.some(known => known === done)

/** For who has no session any more: what has come of it. */
export function goneView({ messages }: Visit, done: Gone): View {
  const [title, lead] = messages.privacy.gone[done]
  return {
    title,
    body: (
      <Panel>
        <div role="status">
          <PageHead title={title} lead={lead} />
        </div>
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href="/">
            {messages.privacy.start}
          </a>
        </Actions>
      </Panel>
    ),
  }
}
