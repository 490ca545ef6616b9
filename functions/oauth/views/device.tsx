import type { FC } from 'hono/jsx'
import type { Messages } from '../../portal/language.ts'
import { Actions, Alert, Csrf, PageHead, Panel } from '../../portal/views/pieces.tsx'
import type { SignedInVisit, View } from '../../portal/visit.ts'

/** In groups of four, as devices show them. */
const spaced = (code: string): string => code.replaceAll(/(.{4})(?=.)/g, '$1-')

/** Takes the code that a device shows; a `status` says that no device waits with it. */
export function codeView(visit: SignedInVisit, { code, status }: { code: string; status?: number }): View {
  const { messages } = visit
  const { grant } = messages
  const isUnknown = status !== undefined
  const described = isUnknown ? 'user-code-fault user-code-hint' : 'user-code-hint'
  return {
    title: grant.codeTitle,
    ...(isUnknown && { status }),
    body: (
      <Panel>
        <PageHead title={grant.codeTitle} lead={grant.codeLead} />
        <form method="post" action="/device" class="grid gap-4">
          <Csrf visit={visit} />
          <div>
            <label class="mb-1 block font-semibold" for="user-code">
              {grant.code}
            </label>
            <input
              id="user-code"
              class="input user-code w-full text-center uppercase"
              name="user_code"
              value={spaced(code)}
              type="text"
              inputmode="text"
              autocomplete="one-time-code"
              autocapitalize="characters"
              spellcheck={false}
              maxlength={64}
              required
              aria-describedby={described}
              aria-invalid={isUnknown ? 'true' : undefined}
            />
            {isUnknown && (
              <p id="user-code-fault" class="mt-1 text-sm text-error" role="alert">
                {grant.codeUnknown}
              </p>
            )}
            <p id="user-code-hint" class="mt-1 text-sm text-quiet">
              {grant.codeHint}
            </p>
          </div>
          <button type="submit" class="btn btn-primary w-full sm:w-auto">
            {grant.continue}
          </button>
        </form>
      </Panel>
    ),
  }
}

/** A code that a stranger sent looks right, too: so the device itself must be looked at (RFC 8628 section 5.4). */
export const CodeToCompare: FC<{ messages: Messages; code: string }> = ({ messages: { grant }, code }) => (
  <>
    <p class="mb-2 text-lg font-semibold">{grant.compare}</p>
    <div class="code-panel">
      <p class="user-code">{spaced(code)}</p>
    </div>
    <div class="mt-4 mb-4">
      <Alert tone="warning">
        <p>{grant.warning}</p>
      </Alert>
    </div>
  </>
)

/** The member answered; the rest happens on the device. */
export function doneView({ messages }: SignedInVisit, answer: 'agreed' | 'declined'): View {
  const { grant } = messages
  const [title, text] = answer === 'agreed' ? [grant.doneTitle, grant.done] : [grant.cancelledTitle, grant.cancelled]
  return {
    title,
    body: (
      <Panel>
        <div role="status">
          <PageHead title={title} lead={text} />
        </div>
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href="/">
            {messages.backHome}
          </a>
          <a class="btn btn-outline w-full sm:w-auto" href="/device">
            {grant.anotherCode}
          </a>
        </Actions>
      </Panel>
    ),
  }
}
