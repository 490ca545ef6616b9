import type { FC } from 'hono/jsx'
import { refusals } from '../../kernel/refusal.ts'

const tokenLines = (server: string): string =>
  [
    `token() { curl -s -u "$1:$1-secret" -d grant_type=client_credentials '${server}/oauth/token' \\`,
    `  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'; }`,
    'BRAND=$(token alibaba) PARTNER=$(token youku)',
  ].join('\n')

/** What holds for every operation, said once. */
export const Conventions: FC<{ server: string }> = ({ server }) => (
  <section aria-labelledby="conventions">
    <h2 id="conventions">Conventions</h2>
    <h3 id="authorization">Authorization</h3>
    <p>
      Machine callers send <code>Authorization: Bearer</code> with an access token (RFC 9068) from{' '}
      <a href="#post-oauth-token">
        <code>/oauth/token</code>
      </a>
      . Without a valid one the answer is 401 with <code>WWW-Authenticate</code>; without the scope, 403{' '}
      <code>insufficient-scope</code>; for what belongs to somebody else, 403 <code>not-yours</code> or a 404. A partner
      sees its own links, tokens, usage and statements only; a brand its own programmes.
    </p>
    <h3 id="first-token">A token for the examples</h3>
    <p>
      The examples below run against the demo that <code>npm start</code> starts. These lines fetch a token for its
      brand and one for a partner; elsewhere use your own client, best with <code>private_key_jwt</code>. Bodies have
      the right shape; ids and amounts in them are made up, so some are refused for what they name.
    </p>
    <pre>
      <code>{tokenLines(server)}</code>
    </pre>
    <h3 id="bodies">Bodies and limits</h3>
    <p>
      JSON in UTF-8. Unknown fields are refused (400 <code>invalid-request</code>), as is what is not JSON (400{' '}
      <code>invalid-json</code>). A wrong content type is 415, a body of more than 5 MB 413; a document that is PUT has
      256 KB at most. 429 means too many requests: wait as <code>Retry-After</code> says, a second without it. Amounts
      are integers in the currency's minor unit; rates and prices of contracts are decimal strings; instants are RFC
      3339 in UTC.
    </p>
    <h3 id="idempotency">Trying again</h3>
    <p>
      A POST that creates takes an <code>Idempotency-Key</code>: the same key and body get the first answer again, the
      same key with another body 422 <code>idempotency-key-reused</code>. A usage batch needs none: the same bytes get
      the first receipt again.
    </p>
    <h3 id="paging">Lists</h3>
    <p>
      Lists take <code>limit</code> and <code>cursor</code> and answer <code>items</code>, with <code>next</code> where
      there is more: pass it as the next <code>cursor</code>.
    </p>
    <h3 id="versions">Versions</h3>
    <p>
      A document that is PUT has an <code>ETag</code>. Send it back as <code>If-Match</code> and a document that has
      changed in the meantime is refused with 412 <code>version-mismatch</code> instead of being overwritten.
    </p>
  </section>
)

const members: [string, string][] = [
  ['type', 'The kind of problem as a URN; ends with the code'],
  ['title', 'What the kind means, the same every time'],
  ['status', 'The HTTP status'],
  ['code', 'Stable and in kebab case: decide by this one'],
  ['detail', 'What was wrong this time, and what to do'],
  ['instance', 'The id of the request, also in the header X-Request-Id: name it when you ask'],
  ['errors', 'For a body or document with faults: a JSON pointer (RFC 6901) and a detail each'],
]

/** RFC 9457, once for all operations. */
export const Problems: FC = () => (
  <section aria-labelledby="problems">
    <h2 id="problems">Problems</h2>
    <p>
      Whatever is refused is answered with <code>application/problem+json</code> (RFC 9457). Only the token endpoint has
      the errors of OAuth (RFC 6749 section 5.2) instead.
    </p>
    <table>
      <caption>Members of a problem</caption>
      <thead>
        <tr>
          <th scope="col">Member</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        {members.map(([name, meaning]) => (
          <tr>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>{meaning}</td>
          </tr>
        ))}
      </tbody>
    </table>
    <details class="codes">
      <summary>All codes</summary>
      <table>
        <caption>Codes with status and title</caption>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Status and title</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(refusals)
            .sort(([, [a]], [, [b]]) => a - b)
            .map(([code, [status, title]]) => (
              <tr>
                <th scope="row">
                  <code>{code}</code>
                </th>
                <td>
                  {status} {title}
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </details>
  </section>
)
