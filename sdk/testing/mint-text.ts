import { catalogue, type Listed } from './catalogue.ts'
import type { TestIssuer } from './issuer.ts'

export const HELP = `Test tokens for partners of a Tessera gateway: valid ones, and ones broken in every way that has a name.

  npm run mint                          what there is, and the code with which the kit refuses it
  npm run -s mint -- <name>             that token alone, for a pipe (-s keeps npm's own lines out of it)
  npm run -s mint -- --all              all of them: name, expected outcome, token, by tabs
  npm run -s mint -- --all --json       the same as JSON
  npm run -s mint -- --jwks             the keys that verify them
  npm run mint -- --serve               an issuer on this machine that publishes keys, status lists and tokens

  --partner <id>     whom the tokens are for, default youku (also --audience)
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
export function table(issuer: TestIssuer): string {
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
${catalogue.length} tokens. To get one:  npm run -s mint -- revoked
To try them all:     npm run mint -- --serve
More:                npm run mint -- --help
`
}

/** What to know about one token, for the eyes only. */
export function hint(listed: Listed, issuer: TestIssuer): string {
  const { name, what, expected, offeredTo, needsStatus, acceptedBeforeSeconds } = listed
  const verb = expected === 'accepted' ? 'must be accepted' : `must be refused with ${expected}`
  const lines = [
    `${name}: ${what}`,
    `${verb} by a verifier with issuer ${issuer.issuer} and audience ${issuer.audience}`,
    ...(offeredTo === 'entitlement' ? [] : [`offer it to your ${offeredTo} verifier`]),
    ...(needsStatus ? ['only with checkStatus: true'] : []),
    ...(acceptedBeforeSeconds === undefined ? [] : [`passes once, and is refused ${acceptedBeforeSeconds} s later`]),
    'the issuer that it names:  npm run mint -- --serve',
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
