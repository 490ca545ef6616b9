import type { Caller } from '../../schemas/client.ts'
import type { Statement } from '../../schemas/settlement.ts'
import type { Services } from '../connect.ts'
import type { ExceptionNeeds } from '../exceptions/view.ts'
import { Refusal, type RefusalCode, refusals } from '../kernel/refusal.ts'
import { Conflict } from '../kernel/table.ts'
import { messagesOf, type NoticeCode } from '../portal/language.ts'
import type { Page } from '../portal/pages.tsx'
import { noticeView } from '../portal/views/notice.tsx'
import type { Answer, Frame, Notice, SignedInVisit } from '../portal/visit.ts'
import { NoticeShown, pageOfForm } from '../portal/visit.ts'
import type { StatementNames } from '../reports/statement-xlsx.ts'
import type { SettlementNeeds } from '../settlement/inputs.ts'
import { AmountTooLarge } from '../settlement/rational.ts'
import { type Words, wordsOf } from './words.ts'

/** What the pages for staff are made of, made once for each process. */
export type Desk = Pick<Services, 'table' | 'now' | 'wallNow' | 'log' | 'issuer'> & {
  settlement: SettlementNeeds
  exceptions: ExceptionNeeds
  /** As documents call the programme and the parties of a statement. */
  namesOf: (statement: Statement) => Promise<StatementNames>
}

/**
 * A person of the operator's staff. `finance` decides about money; `operator` sees everything, and hands exceptions to
 * colleagues.
 */
export type Staff = { actor: string; mayDecide: boolean }
export type StaffVisit = SignedInVisit & { words: Words; staff: Staff; parameters: Record<string, string> }
export type StaffPage = (desk: Desk, visit: StaffVisit) => Promise<Answer>

const roles = ['finance', 'operator']

/** Opens a page to staff; members get a page that says so. */
export const forStaff =
  (desk: Desk, page: StaffPage): Page<SignedInVisit> =>
  async (_portal, visit, _parameter, parameters) => {
    const { session, language } = visit
    if (!session.roles.some(role => roles.includes(role)))
      throw new NoticeShown({ code: 'staff-only', status: refusals['staff-only'][0] })
    const staff = { actor: `staff:${session.subject}`, mayDecide: session.roles.includes('finance') }
    const words = wordsOf[language]
    const asked = { ...visit, words, staff, parameters }
    return framed(await page(desk, asked).catch(error => refusedTo(asked, error)), words)
  }

/** An expected "no" as a page among those for staff. @throws whatever else it is */
function refusedTo(visit: StaffVisit, error: unknown): Answer {
  const notice = error instanceof NoticeShown ? error.notice : noticeOf(error)
  if (!notice) throw error
  const { shell } = visit.words
  const home = notice.again ? { href: notice.again, label: shell.back } : { href: '/finance', label: shell.home }
  return { view: noticeView(visit, { code: notice.code, status: notice.status }, home) }
}

function noticeOf(error: unknown): Notice | undefined {
  const code = error instanceof AmountTooLarge ? 'sum-too-large' : error instanceof Refusal ? error.code : undefined
  return code && isNotice(code) ? { code, status: refusals[code][0] } : undefined
}
const isNotice = (code: RefusalCode): code is RefusalCode & NoticeCode => Object.hasOwn(messagesOf.en.notices, code)

/** For a form that decides about money. */
export const forFinance =
  (page: StaffPage): StaffPage =>
  async (desk, visit) => {
    if (!visit.staff.mayDecide) {
      const [status] = refusals['finance-only']
      throw new NoticeShown({ code: 'finance-only', status, again: pageOfForm(visit.url.pathname) })
    }
    return page(desk, visit)
  }

/** Whatever rivals leave no room for is told as such, and the form shown again. @throws Refusal busy */
export async function amongRivals<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof Conflict) throw new Refusal('busy', 'others changed the same at this moment: try again')
    throw error
  }
}

function framed(answer: Answer, words: Words): Answer {
  return 'view' in answer
    ? { ...answer, view: { ...answer.view, frame: { ...frameOf(words), ...answer.view.frame } } }
    : answer
}

/** For a page that says more of its frame, such as that it loads itself again. */
export const frameOf = ({ shell }: Words): Frame => ({
  home: '/finance',
  name: shell.name,
  tabs: {
    label: shell.tabs.label,
    items: [
      ['/finance', shell.tabs.periods],
      ['/finance/exceptions', shell.tabs.exceptions],
    ],
  },
  footer: shell.footer,
  wide: true,
})

/** Staff act for the brand of the programme that they look at. */
export const callerFor = ({ staff }: StaffVisit, brand: string): Caller => ({
  client: staff.actor,
  brand,
  scopes: staff.mayDecide ? ['finance:read', 'finance:write'] : ['finance:read'],
})
