import { catalogue, type Listed } from './catalogue.ts'
import type { TestIssuer } from './issuer.ts'

/** How this command was called, which is how its own words tell people to call it again. */
export interface MintCommand {
  /** For the eyes. */
  readonly base: string
  /** For a pipe, where nothing but the token may come out. */
  readonly piped: string
  /** Between either and what is asked for. */
  readonly separator: string
}

/** In the gateway's repository the sources run as a script of npm; a partner has the built package. */
export const mintCommand = (entry: string): MintCommand =>
  entry.endsWith('.ts')
    ? { base: 'npm run mint', piped: 'npm run -s mint', separator: ' -- ' }
    : { base: 'npx @tessera/partner-kit', piped: 'npx @tessera/partner-kit', separator: ' ' }

export const calling = ({ base, separator }: MintCommand, args: string): string => `${base}${separator}${args}`
const piping = ({ piped, separator }: MintCommand, args: string): string => `${piped}${separator}${args}`

export function help(command: MintCommand): string {
  const calls = [
    [command.base, 'what there is, and the code with which the kit refuses it'],
    [piping(command, '<name>'), 'that token alone, for a pipe'],
    [piping(command, '--all'), 'all of them: name, expected outcome, token, by tabs'],
    [piping(command, '--all --json'), 'the same as JSON'],
    [piping(command, '--jwks'), 'the keys that verify them'],
    [calling(command, '--serve'), 'an issuer on this machine that publishes keys, status lists and tokens'],
  ] as const
  const width = Math.max(...calls.map(([call]) => call.length))
  return `Test tokens for partners of a Tessera gateway: valid ones, and ones broken in every way that has a name.

${calls.map(([call, what]) => `  ${call.padEnd(width)}   ${what}`).join('\n')}

${OPTIONS_HELP}`
}

const OPTIONS_HELP = `  --partner <id>     whom the tokens are for, default youku (also --audience)
  --benefit <id>     what they entitle to, default <partner>-vip
  --ttl <seconds>    how long they live, 60 to 3600, default 900
  --port <port>      where the issuer listens, default 8790; 0 takes a free port
  --issuer <url>     iss of the tokens, default http://localhost:<port>; loopback only
  --json             JSON in place of text
  -h, --help         this text

The keys are the same in every run and everybody has them, so a token from one terminal verifies against an issuer in
another. For the same reason no verifier outside a test may ever be pointed at this issuer.
`

/** Everything there is, by groups, in columns. */
export function table(issuer: TestIssuer, command: MintCommand): string {
  const groups = [...new Set(catalogue.map(({ group }) => group))]
  const widths = [widest(({ name }) => name), widest(({ expected }) => expected)] as const
  const line = ({ name, expected, what }: Listed) =>
    `  ${name.padEnd(widths[0])}  ${expected.padEnd(widths[1])}  ${what}`
  const sections = groups.map(group => {
    const rows = catalogue.filter(listed => listed.group === group)
    return `${group.toUpperCase()}${needs(rows)}\n${rows.map(line).join('\n')}\n`
  })
  return `Tokens for the partner ${issuer.audience}, of the issuer ${issuer.issuer}
name, expected outcome, what it is

${sections.join('\n')}
${catalogue.length} tokens. To get one:  ${piping(command, 'revoked')}
To try them all:     ${calling(command, '--serve')}
More:                ${calling(command, '--help')}
`
}

/** What to know about one token, for the eyes only. */
export function hint(listed: Listed, issuer: TestIssuer, command: MintCommand): string {
  const { name, what, expected, offeredTo, needsStatus, acceptedBeforeSeconds } = listed
  const verb = expected === 'accepted' ? 'must be accepted' : `must be refused with ${expected}`
  const lines = [
    `${name}: ${what}`,
    `${verb} by a verifier with issuer ${issuer.issuer} and audience ${issuer.audience}`,
    ...(offeredTo === 'entitlement' ? [] : [`offer it to your ${offeredTo} verifier`]),
    ...(needsStatus ? ['only with checkStatus: true'] : []),
    ...(acceptedBeforeSeconds === undefined ? [] : [`passes once, and is refused ${acceptedBeforeSeconds} s later`]),
    `the issuer that it names:  ${calling(command, '--serve')}`,
  ]
  return `${lines.join('\n')}\n`
}

/** Five lines for a verifier that trusts the issuer that runs. */
export const snippet = ({
  issuer,
  audience,
  benefit,
}: TestIssuer): string => `import { createVerifier } from '@tessera/partner-kit'
const verifier = createVerifier({ issuer: '${issuer}', audience: '${audience}', checkStatus: true })
const token = await (await fetch('${issuer}/tokens/valid')).text()
const entitled = await verifier.verify(token)
console.log(entitled.has('${benefit}') ? 'unlocked' : 'locked')
`

export const welcome = (issuer: TestIssuer): string => `A test issuer listens at ${issuer.issuer}

  keys           ${issuer.issuer}/.well-known/jwks.json
  status lists   ${issuer.listUri()}
  all tokens     ${issuer.issuer}/tokens
  one token      ${issuer.issuer}/tokens/valid
                 ${issuer.issuer}/tokens/revoked

A verifier that trusts it:

${snippet(issuer).replace(/^(?=.)/gm, '  ')}
Its keys are public knowledge: for tests on this machine only. Ctrl-C stops it.
`

const widest = (column: (listed: Listed) => string): number => Math.max(...catalogue.map(row => column(row).length))

function needs(rows: readonly Listed[]): string {
  return rows.every(({ needsStatus }) => needsStatus) ? ' (with checkStatus: true)' : ''
}
