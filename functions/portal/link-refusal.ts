import { Refusal, refusals } from '../kernel/refusal.ts'
import { noteOnce } from '../links/activity.ts'
import { linkRefusals } from '../links/decide-link.ts'
import type { NoticeCode } from './language.ts'
import { memberOf } from './member.ts'
import type { Session } from './session.ts'
import { linkPath, type Notice, NoticeShown, type Portal } from './visit.ts'

/** What somebody tried to link, as far as it is known. */
export type Tried = {
  session: Session
  /** A registered one. */
  partner: string
  programme?: string | undefined
  timeZone?: string
  /** This browser remembers no attempt: any other site may have sent it here. */
  isStray?: boolean
  /** To be set with the page. */
  cookies?: string[]
}

const shown = [
  'partner-unavailable',
  'partner-not-found',
  ...linkRefusals,
  'link-expired',
  'link-state-reused',
  'link-answer-mismatch',
  'link-claims-missing',
  'link-failed',
] as const satisfies NoticeCode[]
type ShownCode = (typeof shown)[number]

/** To try the same again would come to the same: these pages lead home, to what is linked now. */
const lasting: ShownCode[] = ['partner-not-found', 'no-benefit-here', 'already-linked', 'link-state-reused']
/** Whose message is about the partner's answer alone, in words of our own. */
const explained: ShownCode[] = ['partner-unavailable', 'link-answer-mismatch', 'link-claims-missing', 'link-failed']

/** For pages that are only looked at: the refusal as a page that tells what to do next. */
export function asPage(error: unknown, { partner, programme, timeZone = 'UTC', cookies = [] }: Omit<Tried, 'session'>) {
  const code = codeOf(error)
  if (!(error instanceof Refusal) || !code) return error
  const { at } = error
  const notice: Notice = {
    code,
    status: refusals[code][0],
    ...(at && { date: { at, timeZone } }),
    ...(!lasting.includes(code) && { again: linkPath(partner, programme) }),
  }
  return new NoticeShown(notice, cookies)
}

/**
 * For what was tried: the page, a line in the log (no person, account, token or state) and one in the member's own,
 * once for what is tried again and again.
 */
export async function refuse(portal: Portal, tried: Tried, error: unknown): Promise<never> {
  const code = codeOf(error)
  if (error instanceof Refusal && code) {
    const { partner, programme } = tried
    portal.log('warn', 'link-refused', { code, partner, ...(explained.includes(code) && { reason: error.message }) })
    const isNews = code !== 'link-expired' || !tried.isStray
    if (isNews) await noteInActivity(portal, tried, { action: 'link-refused', code, ...(programme && { programme }) })
  }
  throw asPage(error, tried)
}

/** The member changed their mind at the partner. */
export async function showCancelled(portal: Portal, tried: Tried): Promise<never> {
  const { partner, programme, cookies } = tried
  portal.log('info', 'link-cancelled', { partner })
  await noteInActivity(portal, tried, { action: 'link-cancelled', ...(programme && { programme }) })
  throw new NoticeShown({ code: 'link-cancelled', status: 200, again: linkPath(partner, programme) }, cookies)
}

async function noteInActivity(
  portal: Portal,
  { session, partner }: Tried,
  entry: { action: 'link-refused' | 'link-cancelled'; code?: string; programme?: string },
): Promise<void> {
  const member = await memberOf(portal, session)
  if (member) await noteOnce(portal, member.id, { at: portal.now(), partner, ...entry })
}

const codeOf = (error: unknown): ShownCode | undefined =>
  error instanceof Refusal ? shown.find(known => known === error.code) : undefined
