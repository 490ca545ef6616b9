import { dateIn } from '../language.ts'
import type { Notice, View, Visit } from '../visit.ts'

/** What happened and what to do next, in the member's words; the code is for whoever they ask for help. */
export function noticeView({ messages, language }: Visit, { code, status, date, again }: Notice): View {
  const [title, text] = messages.notices[code]
  return {
    title,
    status,
    reopens: false,
    body: (
      <section class="panel notice">
        <h1>{title}</h1>
        <p class="lead">{text}</p>
        {date && <p class="lead">{messages.noticeDate(dateIn(language, date.at, date.timeZone))}</p>}
        <p class="actions">
          {again && (
            <a class="button" href={again}>
              {again.startsWith('/sign-in') ? messages.signIn : messages.tryAgain}
            </a>
          )}
          <a class={again ? 'button secondary' : 'button'} href="/">
            {messages.backHome}
          </a>
        </p>
        {status >= 400 && (
          <p class="fine">
            {messages.errorCode}: <code>{code}</code>
          </p>
        )}
      </section>
    ),
  }
}
