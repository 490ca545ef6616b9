import type { Node } from 'constructs'
import { Config } from '../schemas/config.ts'

const Settings = Config.pick({ ISSUER: true, IDENTITY_ISSUER: true, IDENTITY_CLIENT_ID: true })
/** What a deployment chooses, by the names that the Lambdas' environment has. */
export type Settings = ReturnType<typeof Settings.parse>

const contextNames = {
  ISSUER: ['issuer', 'the public base address of the gateway, such as https://benefits.brand.example'],
  IDENTITY_ISSUER: ['identityIssuer', "the issuer of the brand's identity provider"],
  IDENTITY_CLIENT_ID: ['identityClientId', 'the client id of the portal at the identity provider'],
} as const satisfies Record<keyof Settings, readonly [string, string]>

/**
 * Reads the CDK context. The issuer is given and not taken from the HTTP API: it goes into every token, so it must
 * outlive the API, and a Lambda that names its own API would make the template circular.
 * @throws Error that tells how to give what is missing or wrong
 */
export function readSettings(node: Node): Settings {
  const given = Object.fromEntries(
    Object.entries(contextNames).map(([name, [context]]) => [name, node.tryGetContext(context) as unknown]),
  )
  const parsed = Settings.safeParse(given)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map(issue => {
    const [context, meaning] = contextNames[issue.path[0] as keyof Settings]
    return `  ${context}: ${issue.message}. It is ${meaning}; give it with "-c ${context}=…" or in cdk.json.`
  })
  throw new Error(`The CDK context does not fit:\n${faults.join('\n')}`)
}
