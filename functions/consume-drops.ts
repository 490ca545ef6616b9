import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import type { Services } from './connect.ts'
import { usageNeeds } from './gateway-needs.ts'
import { knownPartners } from './partners/find-partner.ts'
import { type DropNeeds, receiveDrop } from './usage/drop.ts'
import { dropBucket, s3Client } from './usage/drop-bucket.ts'

/** S3's event `Object Created` as EventBridge delivers it: at least once, in any order. Its key is not encoded. */
const ObjectCreated = z.object({
  detail: z.object({
    bucket: z.object({ name: z.string() }),
    object: z.object({ key: z.string(), 'version-id': z.string().default('null') }),
  }),
})
/** What Lambda tells of an invocation, as far as it is read here. */
type Invocation = { getRemainingTimeInMillis: () => number }

/** Receives what is uploaded to the bucket of the file drop. @throws Error where the environment names none */
export function dropConsumer(services: Services): (event: unknown, invocation: Invocation) => Promise<void> {
  const { DROP_BUCKET, S3_ENDPOINT, AWS_REGION } = services.config
  if (!DROP_BUCKET) throw new Error('DROP_BUCKET is not set: the file drop needs its bucket')
  const needs: Omit<DropNeeds, 'remainingMilliseconds'> = {
    ...usageNeeds(services),
    bucket: dropBucket(s3Client({ region: AWS_REGION, ...(S3_ENDPOINT && { endpoint: S3_ENDPOINT }) }), DROP_BUCKET),
    isPartner: async id => (await knownPartners(services, [id])).length > 0,
    pause: () => pause(500 + ((services.random(1)[0] ?? 0) / 256) * 1500),
  }
  return async (event, invocation) => {
    const { bucket, object } = ObjectCreated.parse(event).detail
    if (bucket.name !== DROP_BUCKET) throw new Error('the event is of another bucket')
    const remainingMilliseconds = () => invocation.getRemainingTimeInMillis()
    await receiveDrop({ ...needs, remainingMilliseconds }, { key: object.key, version: object['version-id'] })
  }
}
