import type { FC } from 'hono/jsx'
import { NotBillable } from '../../exceptions/not-billable.ts'
import type { Refusal } from '../../kernel/refusal.ts'
import { Alert } from '../../portal/views/pieces.tsx'
import type { StaffVisit } from '../desk.ts'
import type { Refused } from '../exception-shown.ts'
import type { Words } from '../words.ts'
import { visibleText } from './exception-marks.tsx'
import { numberIn } from './pieces.tsx'

/** Why something cannot be done, in the reader's words and in those of the API. */
export const WhyNot: FC<{ visit: StaffVisit; refusal: Refusal }> = ({ visit, refusal }) => {
  const text = visit.words.exceptions.one
  return (
    <>
      {refusal instanceof NotBillable && (
        <p>
          {text.obstacles[refusal.obstacle]}{' '}
          {refusal.line !== undefined && text.obstacleLine(numberIn(visit.language, refusal.line))}
        </p>
      )}
      {refusal.code === 'busy' && <p>{text.refused.busy.text}</p>}
      <details class="mt-2 text-sm">
        <summary>{text.detail}</summary>
        <p lang="en">
          <code>{refusal.code}</code>: <bdi>{visibleText(refusal.message)}</bdi>
        </p>
      </details>
    </>
  )
}

/** That a form was not taken, why, what to do next, and what was typed where its form is gone. */
export const RefusedAlert: FC<{ visit: StaffVisit; refused: Refused }> = ({ visit, refused }) => {
  const text = visit.words.exceptions.one
  const { kind, refusal } = refused
  const typed = kind === 'exception-resolved' ? typedIn(visit.words, refused) : []
  return (
    <div class="mb-6" role="alert">
      <Alert tone="error">
        <p class="font-semibold">{text.refused[kind].title}</p>
        <p>{text.refused[kind].text}</p>
        {refusal && <WhyNot visit={visit} refusal={refusal} />}
        {typed.length > 0 && (
          <dl class="facts mt-3">
            <div>
              <dt>{text.refused.typed}</dt>
              {typed.map(value => (
                <dd class="whitespace-pre-wrap">
                  <bdi>{visibleText(value)}</bdi>
                </dd>
              ))}
            </div>
          </dl>
        )}
      </Alert>
    </div>
  )
}

function typedIn({ exceptions }: Words, { form, typed }: Refused): string[] {
  if (form === 'assigned') return [typed.assignee]
  return [exceptions.outcomes[form], typed.amount, typed.reason].filter(value => value !== '')
}
