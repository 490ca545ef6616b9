import { Refusal, refusals } from '../kernel/refusal.ts'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from '../portal/visit.ts'
import { type Attempt, beginAttempt, type DeviceAnswer, personOf } from './attempts.ts'
import type { LinkAsk, LinkFlows } from './flows.ts'
import { noteCancelled, noteRefusal, weighAsk } from './interaction-offer.ts'
import { readUserCode } from './user-code.ts'
import { codeView, doneView } from './views/device.tsx'
import { grantView } from './views/grant.tsx'

type Flows = Pick<LinkFlows, 'deviceAsked' | 'agreeDevice' | 'declineDevice'>

/** The pages on which a member types the code that a TV shows, looks at what it asks for, and answers. */
export const devicePages = (flows: Flows) => ({
  /** A code that came with the address is filled in, and no more: who follows a stranger's link must see what it is. */
  async show(_portal: Portal, visit: SignedInVisit): Promise<Answer> {
    return { view: codeView(visit, { code: readUserCode(visit.url.searchParams.get('user_code')) }) }
  },

  async answer(portal: Portal, visit: SignedInVisit): Promise<Answer> {
    const { form, session } = visit
    const code = readUserCode(form.get('user_code'))
    if (code === '') return unknown(visit, code)
    const answer = answers.get(form.get('decision') ?? '')
    const tried = { person: personOf(session), code, ...(answer && { answer }) }
    const attempt = await beginAttempt(portal, tried).catch(tooManyAttempts)
    const ask = await flows.deviceAsked(code)
    if (!ask) return lost(visit, { attempt, code, answer })
    const known = { flows, attempt, ask, code }
    if (answer === 'declined') return decline(portal, visit, known)
    return answer === 'agreed' ? agree(portal, visit, known) : look(portal, visit, known)
  },
})

const answers = new Map<string, DeviceAnswer>([
  ['agree', 'agreed'],
  ['cancel', 'declined'],
  ['back', 'declined'],
])

type Known = { flows: Flows; attempt: Attempt; ask: LinkAsk; code: string }

async function look(portal: Portal, visit: SignedInVisit, { attempt, ask, code }: Known): Promise<Answer> {
  await attempt.end('looked')
  const standing = await weighAsk(portal, { session: visit.session, ask, programme: visit.form.get('programme') })
  await noteRefusal(portal, standing, 'device')
  return { view: grantView(visit, { ask, standing, action: '/device', code }) }
}

async function agree(portal: Portal, visit: SignedInVisit, known: Known): Promise<Answer> {
  const { flows, attempt, ask, code } = known
  const standing = await weighAsk(portal, { session: visit.session, ask, programme: visit.form.get('programme') })
  // What stood when the page was shown may stand no longer: then the page says so.
  if (standing.kind !== 'ready') return look(portal, visit, known)
  const consent = { member: standing.member.id, programme: standing.offer.programme.id }
  const agreed = await flows.agreeDevice(code, consent)
  return agreed ? given(visit, 'agreed', attempt) : lost(visit, { attempt, code, answer: 'agreed' })
}

async function decline(portal: Portal, visit: SignedInVisit, { flows, attempt, ask, code }: Known): Promise<Answer> {
  if (!(await flows.declineDevice(code))) return lost(visit, { attempt, code, answer: 'declined' })
  if (visit.form.get('decision') === 'cancel') await noteCancelled(portal, visit.session, ask, 'device')
  return given(visit, 'declined', attempt)
}

async function given(visit: SignedInVisit, answer: DeviceAnswer, attempt: Attempt): Promise<Answer> {
  await attempt.end('given')
  return done(visit, answer)
}

const done = (visit: SignedInVisit, answer: DeviceAnswer): Answer => ({ view: doneView(visit, answer) })

type Lost = { attempt: Attempt; code: string; answer: DeviceAnswer | undefined }

/**
 * No device waits for this: it is answered, by the other click of a double one too, or never was. Whether a code never
 * was, has expired or was answered by somebody is not told.
 */
async function lost(visit: SignedInVisit, { attempt, code, answer }: Lost): Promise<Answer> {
  if (answer && (await attempt.wasGiven())) return given(visit, answer, attempt)
  await attempt.end('wrong')
  return unknown(visit, code)
}

const unknown = (visit: SignedInVisit, code: string): Answer => ({
  view: codeView(visit, { code, status: refusals['device-code-unknown'][0] }),
})

function tooManyAttempts(error: unknown): never {
  if (!(error instanceof Refusal) || error.code !== 'too-many-attempts') throw error
  const retryAfterSeconds = Number(error.headers['retry-after'])
  const notice = { code: 'too-many-attempts', status: refusals['too-many-attempts'][0], retryAfterSeconds } as const
  throw new NoticeShown({ ...notice, again: '/device' }, [], error)
}
