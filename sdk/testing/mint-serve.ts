import { catalogue, type Listed, nearNames } from './catalogue.ts'
import { jsonDocument, textDocument } from './documents.ts'
import type { TestIssuer } from './issuer.ts'
import type { Listening } from './loopback.ts'
import type { MintCommand } from './mint-text.ts'

/** One token with what is expected of it, as JSON. */
export const described = (listed: Listed, issuer: TestIssuer) => {
  const { name, group, what, expected, because, offeredTo, needsStatus, acceptedBeforeSeconds } = listed
  return {
    name,
    group,
    what,
    expected,
    ...(because !== undefined && { because }),
    offeredTo,
    needsStatus,
    ...(acceptedBeforeSeconds !== undefined && { acceptedBeforeSeconds }),
    token: listed.make(issuer),
  }
}

/**
 * Serves the issuer with all its tokens, each made anew whenever it is asked for: `/tokens` and `/tokens/{name}`.
 * @throws Error that names the port when it cannot listen
 */
export async function serveTokens(issuer: TestIssuer, port: number): Promise<Listening> {
  const listening = await issuer.listen(port)
  const { issuer: base } = issuer
  issuer.publish(`${base}/tokens`, () => jsonDocument(catalogue.map(listed => described(listed, issuer))))
  for (const listed of catalogue) {
    // Made once now, so that the lists are there for tokens that come from another process.
    listed.make(issuer)
    issuer.publish(`${base}/tokens/${listed.name}`, () => textDocument(listed.make(issuer)))
  }
  return listening
}

/** What to say to a name that is none. */
export function unknownName(name: string, { base }: MintCommand): string {
  const near = nearNames(name)
  const meant = near.length > 0 ? `Did you mean ${near.join(', ')}?` : `See the names with: ${base}`
  return `There is no token called "${name}". ${meant}`
}
