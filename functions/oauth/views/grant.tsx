import type { FC } from 'hono/jsx'
import type { Partner } from '../../../schemas/partner.ts'
import { dateIn, durationIn, localized } from '../../portal/language.ts'
import {
  Actions,
  Alert,
  Csrf,
  Dated,
  Fact,
  Facts,
  Heading,
  Items,
  PageHead,
  Panel,
} from '../../portal/views/pieces.tsx'
import { type SignedInVisit, unlinkPath, type View } from '../../portal/visit.ts'
import type { LinkAsk } from '../flows.ts'
import type { Standing } from '../interaction-offer.ts'
import { CodeToCompare } from './device.tsx'

type Props = {
  ask: LinkAsk
  standing: Standing
  /** Where the forms of this page go. */
  action: string
  /** What the device shows, where one asks. */
  code?: string
}
type Of<Kind extends Standing['kind']> = Props & { standing: Extract<Standing, { kind: Kind }> }

/** What a partner asks of a member: to agree, to say for which membership, or why it cannot be. */
export function grantView(visit: SignedInVisit, { standing, ...props }: Props): View {
  const { ask } = props
  const view =
    standing.kind === 'ready'
      ? consentView(visit, { ...props, standing })
      : standing.kind === 'choose'
        ? choiceView(visit, { ...props, standing })
        : refusedView(visit, { ...props, standing })
  return { ...view, ...(ask.leadsTo && { formLeadsTo: ask.leadsTo }) }
}

function consentView(visit: SignedInVisit, { standing, ask, action, code }: Of<'ready'>): View {
  const { messages, language } = visit
  const { grant } = messages
  const { offer, partner } = standing
  const name = localized(partner.name, language)
  const title = grant.title(name)
  return {
    title,
    body: (
      <Panel>
        <PageHead title={title} lead={grant.lead(name)} partner={{ id: partner.id, name }} />
        {code !== undefined && <CodeToCompare messages={messages} code={code} />}
        <Facts>
          <Fact term={messages.recipient}>{messages.recipientText(name, placeOf(visit, ask, partner))}</Fact>
          <Fact term={grant.account}>{ask.account ?? grant.accountUnnamed(name)}</Fact>
          <Fact term={grant.signedInAs}>{visit.session.name || grant.nameless}</Fact>
        </Facts>
        <Heading>{messages.purpose}</Heading>
        <p class="mb-2">{messages.purposeText(localized(offer.programme.name, language))}</p>
        <Items items={offer.benefits.map(benefit => localized(benefit.name, language))} />
        <Heading>{messages.sharedWith(name)}</Heading>
        <Items items={messages.sharedWithItems} />
        <Heading>{messages.sharedBy(name)}</Heading>
        <Items items={grant.sharedByItems} />
        <Heading>{messages.undo}</Heading>
        <p>{messages.undoText(durationIn(language, partner.relinkCooldown))}</p>
        <form method="post" action={action}>
          <Csrf visit={visit} />
          <Code code={code} />
          <input type="hidden" name="programme" value={offer.programme.id} />
          <Actions>
            <button type="submit" class="btn btn-primary w-full sm:w-auto" name="decision" value="agree">
              {messages.agree}
            </button>
            <button type="submit" class="btn btn-outline w-full sm:w-auto" name="decision" value="cancel">
              {messages.cancel}
            </button>
          </Actions>
        </form>
        <NotYou visit={visit} name={name} />
      </Panel>
    ),
  }
}

function choiceView(visit: SignedInVisit, { standing, action, code }: Of<'choose'>): View {
  const { messages, language } = visit
  const { partner, offers } = standing
  const name = localized(partner.name, language)
  const title = messages.whichProgramme(name)
  return {
    title,
    body: (
      <Panel>
        <PageHead title={title} lead={messages.grant.chooseLead} partner={{ id: partner.id, name }} />
        <form method="post" action={action} class="grid gap-3">
          <Csrf visit={visit} />
          <Code code={code} />
          {offers.map(({ programme }) => (
            <button type="submit" class="btn btn-primary btn-block" name="programme" value={programme.id}>
              {localized(programme.name, language)}
            </button>
          ))}
          <button type="submit" class="btn btn-outline btn-block" name="decision" value="cancel">
            {messages.cancel}
          </button>
        </form>
      </Panel>
    ),
  }
}

function refusedView(visit: SignedInVisit, { standing, ask, action, code }: Of<'refused'>): View {
  const { messages, language } = visit
  const { grant } = messages
  const { partner, refusal } = standing
  const { programme, from } = refusal
  const name = localized(partner.name, language)
  const [title, text] = refusal.hasMembership
    ? messages.notices[refusal.code]
    : [messages.noMembershipTitle, messages.noMembership]
  return {
    title,
    status: refusal.status,
    body: (
      <Panel>
        <PageHead title={title} lead={text} partner={{ id: partner.id, name }} />
        <div class="grid gap-4">
          {from && programme && (
            <p class="text-lg">
              <Dated text={messages.noticeDate(dateIn(language, from, programme.timeZone))} />
            </p>
          )}
          {!refusal.hasMembership && <p>{messages.noMembershipOther}</p>}
          {ask.account !== undefined && (
            <Facts>
              <Fact term={grant.account}>{ask.account}</Fact>
            </Facts>
          )}
          <Alert tone="info">
            <p>{grant.nothingLinked}</p>
          </Alert>
        </div>
        <form method="post" action={action}>
          <Csrf visit={visit} />
          <Code code={code} />
          <Actions>
            <button type="submit" class="btn btn-primary w-full sm:w-auto" name="decision" value="back">
              {code === undefined ? grant.backTo(name) : grant.endOnDevice}
            </button>
            {refusal.code === 'already-linked' && programme && (
              <a class="btn btn-outline w-full sm:w-auto" href={unlinkPath(partner.id, programme.id)}>
                {grant.unlinkFirst}
              </a>
            )}
          </Actions>
        </form>
        <p class="mt-6 text-sm text-quiet">
          {messages.errorCode}: <code>{refusal.code}</code>
        </p>
        <NotYou visit={visit} name={name} />
      </Panel>
    ),
  }
}

const Code: FC<{ code: string | undefined }> = ({ code }) =>
  code === undefined ? null : <input type="hidden" name="user_code" value={code} />

/** Somebody else's browser, or the wrong account of one's own. */
const NotYou: FC<{ visit: SignedInVisit; name: string }> = ({ visit, name }) => (
  <form method="post" action="/sign-out" class="mt-6 border-t border-base-300 pt-4">
    <Csrf visit={visit} />
    <p class="text-sm text-quiet">{visit.messages.grant.notYou(name)}</p>
    <button type="submit" class="btn btn-outline btn-sm mt-3">
      {visit.messages.signOut}
    </button>
  </form>
)

/** Where the answer leads, as the partner registered it: a host, an app's own scheme, or the device itself. */
function placeOf({ messages }: SignedInVisit, { leadsTo }: LinkAsk, partner: Partner): string {
  if (leadsTo === undefined) return `${new URL(partner.issuer).host}, ${messages.grant.device}`
  return /^https?:/.test(leadsTo) ? new URL(leadsTo).host : messages.grant.app(leadsTo.replace(/:$/, ''))
}
