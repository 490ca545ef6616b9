import * as z from 'zod'

/** The environment of an entry point. CDK sets exactly these names; a missing one fails at start, not at first use. */
export const Config = z.object({
  TABLE_NAME: z.string().min(3),
  /** Base address of the gateway, `iss` of every token it signs; no trailing slash. */
  ISSUER: z.url({ protocol: /^https?$/ }).regex(/[^/]$/, 'no trailing slash'),
  /** KMS key of the vault; absent only where a development vault is used. */
  VAULT_KEY_ID: z.string().optional(),
  /** The brand's identity provider, at which members sign in to the portal. */
  IDENTITY_ISSUER: z.url({ protocol: /^https?$/ }),
  IDENTITY_CLIENT_ID: z.string().min(1),
  /** Absent for a public client, which PKCE protects. */
  IDENTITY_CLIENT_SECRET: z.string().optional(),
  /** Only under `npm start`: outbound calls may go to loopback. */
  ALLOW_LOOPBACK: z.stringbool().default(false),
  /** Bucket of the file drop; only its Lambda has one. */
  DROP_BUCKET: z.string().min(3).optional(),
  /** State machine that runs closes; absent where the consumer of their records runs them itself, as under `npm start`. */
  CLOSE_MACHINE_ARN: z.string().startsWith('arn:').optional(),
  AWS_REGION: z.string().default('us-east-1'),
  DYNAMODB_ENDPOINT: z.url().optional(),
  KMS_ENDPOINT: z.url().optional(),
  S3_ENDPOINT: z.url().optional(),
  STATES_ENDPOINT: z.url().optional(),
})
export type Config = z.infer<typeof Config>

export const readConfig = (environment: Record<string, string | undefined>): Config => Config.parse(environment)
