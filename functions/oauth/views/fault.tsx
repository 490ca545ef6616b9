import type { Messages } from '../../portal/language.ts'
import { Actions, PageHead, Panel } from '../../portal/views/pieces.tsx'
import type { View, Visit } from '../../portal/visit.ts'

/** An OAuth error that must not be sent to the address in the request: a person reads it here (RFC 6749 section 4.1.2.1). */
export function faultView({ messages }: Visit, { code, status }: { code: string; status: number }): View {
  const [title, text] = messages.grant.faults[faultOf(code)]
  return {
    title,
    status,
    reopens: false,
    body: (
      <Panel>
        <PageHead title={title} lead={text} />
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href="/">
            {messages.backHome}
          </a>
        </Actions>
        <p class="mt-6 text-sm text-quiet">
          {messages.errorCode}: <code>{code}</code>
        </p>
      </Panel>
    ),
  }
}

type Fault = keyof Messages['grant']['faults']

const faults = new Map<string, Fault>([
  ['invalid_client', 'invalid_client'],
  ['unauthorized_client', 'invalid_client'],
  ['invalid_redirect_uri', 'invalid_redirect_uri'],
  ['invalid_request_uri', 'expired'],
  ['server_error', 'server_error'],
])

const faultOf = (code: string): Fault => faults.get(code) ?? 'other'
