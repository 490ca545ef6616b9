import { TokenRefused } from '../refused.ts'
import { type DeliveryFault, UsageUndelivered } from '../reporter-errors.ts'
import { ReceiptRefused } from '../reporter-receipt.ts'
import { BatchRefused } from './send-file.ts'
import { printable } from './summary.ts'

/** How this command was called: in the gateway's repository the sources run as a script of npm. */
export const sendCommand = (entry: string): string =>
  entry.endsWith('.ts') ? 'npm run usage --' : 'npx --package=@tessera/partner-kit tessera-usage'

export const help = (command: string): string => `Sends a file of usage events to a Tessera gateway.

  ${command} send FILE [options]

FILE has one JSON event on each line (NDJSON), as it is or as gzip; - is standard input. It is sent in batches, and a
batch counts once the gateway's signed receipt is kept. Stopped or killed at whatever moment, the same command goes on
where it ended: nothing is lost, and what is sent twice is stored once.

  --issuer <url>          the gateway, or TESSERA_ISSUER
  --client <id>           your client id, or TESSERA_CLIENT
  --audience <id>         your partner id, which the receipts name; default: the client id
  --secret-file <file>    where the client secret is, or TESSERA_CLIENT_SECRET; never on the command line

  --dry-run               reads and counts, and sends nothing
  --restart               from the beginning, whatever an earlier run has done
  --state <file>          where it is kept how far it came, default FILE.tessera; the files beside go with it
  --max-events <number>   lines of a batch, 1 to 10000, default 10000
  --max-bytes <number>    bytes of a batch, 1000 to 5000000, default 4500000
  --concurrency <number>  batches under way at once, 1 to 8, default 1: only then receipts are held against the chain
  --attempts <number>     for one batch, 1 to 100, default 8
  --timeout <seconds>     for one request, 1 to 600, default 60
  --no-gzip               sends without compression
  --json                  the summary as JSON
  --quiet                 no progress
  -h, --help              this text
  --version

Beside FILE: FILE.receipts.ndjson has the signed receipt of each batch, which is what counts in a dispute; keep it.
FILE.malformed.ndjson has every line that can never be billed, by its number in FILE.

Exit codes: 0 everything is delivered; 1 everything is delivered, and some lines are malformed; 2 the command cannot be
as it is, and nothing was sent by it; 3 not everything is delivered: run it again to go on; 130 stopped with Ctrl-C.

Examples

  export TESSERA_ISSUER=https://tessera.example TESSERA_CLIENT=youku
  ${command} send usage-2026-10.ndjson.gz --dry-run
  ${command} send usage-2026-10.ndjson.gz --secret-file ~/.tessera-secret
  zcat part-*.gz | ${command} send - --state october.tessera
`

const ADVICE: Partial<Record<DeliveryFault, string>> = {
  'gateway-unreachable': 'No answer from the gateway.',
  'gateway-busy': 'The gateway is busy.',
  'token-unavailable': 'The gateway gives no access token at the moment.',
  'refused-on-the-way': 'Something between here and the gateway, a proxy or a firewall, refuses the batch.',
  'batch-altered': 'Something between here and the gateway changes what is sent: the gateway has got other bytes.',
  'answer-unreadable': 'What answered is no receipt of a Tessera gateway: check --issuer and what lies between.',
  'receipt-of-other-batch': 'The answer speaks of another batch: something between here and the gateway mixes answers.',
}

const CALLERS: readonly (readonly [test: (status: number, code: string) => boolean, advice: string])[] = [
  [(_, code) => code === 'invalid_client', 'The gateway does not know this client with this secret: check both.'],
  [(_, code) => code === 'invalid_scope', 'The client may not report usage: ask the operator for usage:write.'],
  [status => status === 401, 'The gateway refuses the access token: check --issuer, --client and the secret.'],
  [status => status === 403, 'The client may not report usage: ask the operator for the scope usage:write.'],
  [() => true, 'What answers at --issuer is no Tessera gateway, or not at this address.'],
]

/** What went wrong and what to do, for the eyes: never a secret, and nothing of an event. */
export function adviceOf(error: Error): string {
  if (error instanceof BatchRefused) return printable(`${error.message}. ${refusalAdvice(error.problem.code)}`)
  if (!(error instanceof UsageUndelivered)) return printable(error.message)
  const { status = 0, code = '', detail } = error.problem ?? {}
  const said = detail === undefined ? '' : ` It says: ${detail}`
  const advice =
    error.code === 'caller-refused'
      ? CALLERS.find(([test]) => test(status, code))?.[1]
      : error.code === 'receipt-refused'
        ? receiptAdvice(error.cause)
        : ADVICE[error.code]
  return printable(`${error.message}. ${advice ?? ''}${said}`)
}

function refusalAdvice(code: string): string {
  if (code === 'unsupported-media-type') return 'Try --no-gzip.'
  if (code === 'body-too-large' || code === 'too-many-events') {
    return 'This gateway takes smaller batches: give --max-bytes or --max-events, and --restart.'
  }
  return 'The same bytes would be refused for ever: tell the operator.'
}

function receiptAdvice(cause: unknown): string {
  const why = cause instanceof ReceiptRefused && cause.cause instanceof TokenRefused ? cause.cause.code : 'unknown'
  if (why === 'audience-mismatch') return 'The receipt is made out to another partner: give --audience your partner id.'
  if (why === 'issuer-mismatch') return 'The receipt names another issuer: give --issuer exactly as the gateway does.'
  return `The receipt cannot be verified (${why}).`
}
