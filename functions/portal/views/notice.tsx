import type { Messages, NoticeCode } from '../language.ts'
import { dateIn, minutesIn } from '../language.ts'
import { type Notice, unlinkPath, type View, type Visit } from '../visit.ts'
import { Actions, Alert, Dated, PageHead, Panel } from './pieces.tsx'

type Way = { href: string; label: string }

/**
 * What happened and what to do next, in the reader's words; the code is for whoever they ask for help. `home` is where
 * the reader begins anew.
 */
export function noticeView(
  visit: Visit,
  notice: Notice,
  home: Way = { href: '/', label: visit.messages.backHome },
): View {
  const { messages } = visit
  const { code, status } = notice
  const [title, text] = messages.notices[code]
  const when = whenOf(visit, notice)
  const next = nextOf(visit, notice)
  return {
    title,
    status,
    reopens: false,
    body: (
      <Panel>
        {status >= 400 && (
          <span
            class="mb-4 grid size-12 place-items-center rounded-full bg-base-200 text-2xl font-bold text-warning"
            aria-hidden="true"
          >
            !
          </span>
        )}
        <PageHead title={title} lead={text} />
        {when && (
          <Alert tone="warning">
            <p>
              <Dated text={when} />
            </p>
          </Alert>
        )}
        <Actions>
          {next && (
            <a class="btn btn-primary w-full sm:w-auto" href={next.href}>
              {next.label}
            </a>
          )}
          <a class={next ? 'btn btn-outline w-full sm:w-auto' : 'btn btn-primary w-full sm:w-auto'} href={home.href}>
            {home.label}
          </a>
        </Actions>
        {status >= 400 && (
          <p class="mt-6 text-sm text-quiet">
            {messages.errorCode}: <code>{code}</code>
          </p>
        )}
      </Panel>
    ),
  }
}

/** From when on it works, if that is known. */
function whenOf({ messages, language }: Visit, { code, date, retryAfterSeconds }: Notice): string | undefined {
  if (retryAfterSeconds) return messages.noticeRetry(minutesIn(language, retryAfterSeconds))
  if (!date) return undefined
  const day = dateIn(language, date.at, date.timeZone)
  return code === 'account-already-pays' ? messages.noticePaidUntil(day) : messages.noticeDate(day)
}

/** Where the way on differs from trying the same again. */
const ways: Partial<Record<NoticeCode, keyof Messages & ('useOtherAccount' | 'seeLinked' | 'signInAgain')>> = {
  'account-linked-elsewhere': 'useOtherAccount',
  'already-entitled': 'useOtherAccount',
  'account-already-pays': 'useOtherAccount',
  'link-state-reused': 'seeLinked',
  'signed-out-everywhere': 'signInAgain',
}

function nextOf({ messages, url }: Visit, { code, again }: Notice): Way | undefined {
  if (code === 'already-linked') {
    const partner = /^\/link\/([a-z0-9-]+)/.exec(url.pathname)?.[1]
    return partner ? { href: unlinkPath(partner), label: messages.unlinkButton } : undefined
  }
  if (code === 'device-code-unknown') return { href: again ?? '/device', label: messages.enterCodeAgain }
  if (code.startsWith('pass-')) return { href: again ?? '/pass', label: messages.newPass }
  if (code === 'signed-out-everywhere') return { href: again ?? '/sign-in', label: messages.signInAgain }
  if (!again) return undefined
  const way = ways[code]
  if (way) return { href: again, label: messages[way] }
  if (again.startsWith('/sign-in')) return { href: again, label: messages.signIn }
  if (again.startsWith('/choose/')) return { href: again, label: messages.changeOptions }
  return { href: again, label: messages.tryAgain }
}
