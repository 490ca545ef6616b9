import * as z from 'zod'
import { PartnerRecord } from '../../schemas/partner.ts'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const partner = recordType('partner', PartnerRecord)
const key = (id: string) => ({ pk: `PARTNER#${id}`, sk: 'HEAD' })

export const findRecord = (table: Table, id: string): Promise<PartnerRecord | undefined> => table.get(partner, key(id))

export const findRecords = (table: Table, ids: string[]): Promise<PartnerRecord[]> =>
  table.getMany(partner, [...new Set(ids)].map(key))

export const allRecords = (table: Table): Promise<PartnerRecord[]> =>
  table.all(partner, { partition: 'PARTNERS', index: 'gsi1' })

export const partnerWrite = (record: PartnerRecord, before: PartnerRecord | undefined): Write =>
  put(partner, { ...key(record.id), gsi1pk: 'PARTNERS', gsi1sk: record.id }, record, {
    when: before ? { equals: { version: before.version } } : 'absent',
  })

/** May have a query (RFC 6749 section 3.1), but neither a user nor a fragment, nor a host that only few parsers take. */
const Endpoint = z
  .url({ protocol: /^https?$/, hostname: /^([a-z0-9.-]+|\[[0-9a-f:]+\])$/ })
  .max(500)
  .refine(text => !/[@#]/.test(text), 'an address without user and fragment')

/** Of a partner's metadata (RFC 8414, RFC 9126, RFC 9207): where members, codes and credentials are sent. */
export const PinnedMetadata = z.object({
  issuer: Endpoint,
  authorization_endpoint: Endpoint,
  token_endpoint: Endpoint,
  jwks_uri: Endpoint,
  userinfo_endpoint: Endpoint.optional(),
  pushed_authorization_request_endpoint: Endpoint.optional(),
  revocation_endpoint: Endpoint.optional(),
  authorization_response_iss_parameter_supported: z.boolean().default(false),
})
export type PinnedMetadata = z.infer<typeof PinnedMetadata>

const Pin = z.strictObject({
  partner: Slug,
  /** Of the registration that it belongs to. */
  version: z.int().min(1),
  metadata: PinnedMetadata,
  pinnedAt: Instant,
})
export type Pin = z.infer<typeof Pin>
const pin = recordType('partner-discovery', Pin)
const pinKey = (id: string) => ({ pk: `PARTNER#${id}`, sk: 'DISCOVERY' })

export const findPin = (table: Table, id: string): Promise<Pin | undefined> => table.get(pin, pinKey(id))

/** Once for each version of the registration: of rivals one commits. */
export const pinWrite = (record: Pin, before: Pin | undefined): Write =>
  put(pin, pinKey(record.partner), record, { when: before ? { equals: { version: before.version } } : 'absent' })
