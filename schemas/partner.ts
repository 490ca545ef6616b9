import * as z from 'zod'
import { Duration, Instant, LocalizedText, Slug } from './primitives.ts'

/** An OpenID issuer or endpoint: https, or http on a loopback host (which only `npm start` will call). */
export const PartnerUrl = z
  .url({ protocol: /^https?$/ })
  .max(500)
  .refine(isPlainHttps, 'an https address without user, query and fragment')

function isPlainHttps(text: string): boolean {
  // Every check of a text is run, also after one that found that it is no address at all.
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && loopback)
  return secure && !url.username && !url.password && !url.search && !url.hash
}

/**
 * Of the partner's own sites and apps: https, a loopback address, or an app's private scheme in reverse domain order
 * (RFC 8252 section 7.1). No fragment (RFC 6749 section 3.1.2).
 */
export const RedirectUri = z
  .string()
  .max(500)
  .refine(isRedirectUri, 'an https address or an app’s own scheme, without fragment')

function isRedirectUri(text: string): boolean {
  if (!/^[!-~]+$/.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  if (url.hash !== '' || text.includes('#') || url.username !== '' || url.password !== '') return false
  if (url.protocol === 'https:') return isPlainHost(url.hostname)
  if (url.protocol === 'http:') return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  return /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
}

/** URLs may have `*`, `;` or `,` in their host, which would say something else in a page's Content-Security-Policy. */
const isPlainHost = (host: string): boolean => /^([a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(host)

/** A brand with a platform, as its operator registers it. */
export const PartnerDocument = z
  .strictObject({
    id: Slug,
    /** The brand that settles for this partner; the partner's own id unless given. */
    brand: Slug.optional(),
    name: z.union([LocalizedText, z.string().min(1).max(200)]),
    category: Slug,
    issuer: PartnerUrl,
    clientId: z.string().min(1).max(200),
    clientSecret: z.string().min(1).max(500).optional(),
    /**
     * How the gateway authenticates at the partner's token endpoint. Unless given: with the secret if there is one, else
     * with a key of its own (RFC 7523) if the partner's metadata offers that, else not at all (PKCE protects the code).
     */
    clientAuthentication: z.enum(['client_secret_basic', 'private_key_jwt', 'none']).optional(),
    /** Whether the partner's refresh token is kept, sealed, so that unlinking withdraws the consent at the partner too. */
    keepTokens: z.boolean().optional(),
    /** Where members are sent back who began to link at the partner: compared as a whole, character by character. */
    redirectUris: z.array(RedirectUri).max(20).optional(),
    tokenTtlSeconds: z.int().min(60).max(3600).default(900),
    relinkCooldown: Duration.default('P30D'),
    eventsEndpoint: PartnerUrl.optional(),
    /** Names of the partner's userinfo claims that Tessera reads, e.g. `{ "paidUntil": "vip_until" }`. */
    claims: z
      .record(z.string().max(64), z.string().max(64))
      .refine(claims => Object.keys(claims).length <= 32, 'at most 32 claims')
      .optional(),
  })
  .meta({ id: 'PartnerDocument' })
export type PartnerDocument = z.infer<typeof PartnerDocument>

/** The answer never carries the client secret. */
export const Partner = PartnerDocument.omit({ clientSecret: true })
  .extend({ brand: Slug, version: z.int().min(1), appliedAt: Instant })
  .meta({ id: 'Partner' })
export type Partner = z.infer<typeof Partner>

/** As stored: the client secret is sealed by the vault. */
export const PartnerRecord = Partner.extend({
  /** The brand whose operator registered the partner: only it may change the registration. */
  operator: Slug,
  sealedClientSecret: z.string().optional(),
})
export type PartnerRecord = z.infer<typeof PartnerRecord>
