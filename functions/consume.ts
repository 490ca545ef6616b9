import { EntitlementId, EventId, LinkId } from '../schemas/ids.ts'
import type { Period } from '../schemas/primitives.ts'
import { StatusIndex } from '../schemas/status-list.ts'
import { table } from '../schemas/table.ts'
import { BatchPointer } from '../schemas/usage.ts'
import type { Services } from './connect.ts'
import { followClose, judgeAnew } from './consume-close.ts'
import { isNamedByUse, noteUses } from './entitlements/quota-use.ts'
import { type EventDelivery, eventDelivery } from './events/deliver-events.ts'
import { usageNeeds } from './gateway-needs.ts'
import { epochSeconds } from './kernel/clock.ts'
import { errorFields } from './kernel/log.ts'
import { guardedFetch } from './kernel/outbound.ts'
import { withdrawBy } from './links/withdraw-consent.ts'
import { fireDueTimers } from './memberships/fire-timers.ts'
import { openidClient } from './portal/openid-client.ts'
import { eraseDue } from './privacy/erase-member.ts'
import { reconcileBatch } from './reconciliation/provisional.ts'
import { noteLateCapture } from './reconciliation/request-run.ts'
import { expireDue } from './redemptions/expire-due.ts'
import { followLinks, type LinkTrace } from './tokens/follow-links.ts'
import { rotateDueKeys } from './tokens/key-rotation.ts'
import { eachLine } from './usage/read.ts'
import { sweepBatch } from './usage/sweep.ts'

type Attribute = { S?: string; N?: string; M?: Image }
type Image = { [name: string]: Attribute }
/** A DynamoDB stream event, as far as it is read here. Delivery is at least once, so every consumer is idempotent. */
export type StreamEvent = { Records: StreamRecord[] }
type StreamRecord = {
  eventName?: string
  dynamodb?: {
    /** Epoch seconds, of real time. */
    ApproximateCreationDateTime?: number
    NewImage?: unknown
    OldImage?: unknown
  }
}

/** An event that comes so late has changes behind it that wait already. */
const behindSeconds = 10

/**
 * What follows from a change at once: a link's status bits, which are due within a minute, and the first attempt to tell
 * its partner. Whatever may take longer has a consumer of its own, `settleChanges`, so that nothing stands before them.
 *
 * The bits behind an event wait for its batch: what has not begun after a second and what is not answered within one is
 * left to the timers, and so are all events of a lane that is behind, which then catches up without them. So no partner
 * holds up the bits by more than some seconds; a Lambda for events alone would spare them those too.
 */
export async function consumeChanges(services: Services, event: StreamEvent): Promise<void> {
  await followLinks(services, event.Records.flatMap(tracesOf))
  const oldest = epochSeconds(services.wallNow()) - behindSeconds
  const isInTime = ({ dynamodb }: StreamRecord) => (dynamodb?.ApproximateCreationDateTime ?? oldest) >= oldest
  const events = event.Records.filter(isInTime).flatMap(newEventOf)
  if (events.length > 0) await deliveryOf(services).deliver(events, { seconds: 1, answerSeconds: 1 })
}

function newEventOf({ eventName, dynamodb }: StreamRecord) {
  const { [table.kind]: kind, partner, id } = (dynamodb?.NewImage ?? {}) as Image
  if (eventName !== 'INSERT' || kind?.S !== 'outgoing-event' || !partner?.S) return []
  return [{ partner: partner.S, id: EventId.parse(id?.S) }]
}

/** One for each process: it knows which partners are down. */
const deliveries = new WeakMap<Services, EventDelivery>()
function deliveryOf(services: Services): EventDelivery {
  const known = deliveries.get(services)
  if (known) return known
  const fetch = guardedFetch({
    allowLoopback: services.config.ALLOW_LOOPBACK,
    timeoutMs: 5_000,
    maxBytes: 64 * 1024,
  })
  const fresh = eventDelivery({ ...services, fetch })
  deliveries.set(services, fresh)
  return fresh
}

/** A link's images are read no further than to find it: what it now is, its item tells. */
function tracesOf({ dynamodb }: StreamRecord): LinkTrace[] {
  const images = [dynamodb?.OldImage, dynamodb?.NewImage].map(image => (image ?? {}) as Image)
  const ofLink = images.filter(image => image[table.kind]?.S === 'link')
  const [{ id, partner } = {}] = ofLink
  if (!id?.S || !partner?.S) return []
  const indexes = ofLink.flatMap(({ status }) =>
    status?.M ? [StatusIndex.parse({ list: Number(status.M['list']?.N), index: Number(status.M['index']?.N) })] : [],
  )
  return [{ link: id.S, partner: partner.S, indexes }]
}

async function noteBatch(services: Services, manifest: Image): Promise<void> {
  const { table } = services
  const partner = manifest['partner']?.S ?? ''
  const sequence = Number(manifest['sequence']?.N)
  const lines = await Array.fromAsync(eachLine({ table }, { partner, from: sequence, upTo: sequence }))
  await noteUses({ table }, partner, lines)
  await reconcileBatch(usageNeeds(services), { partner, sequence })
}

/** What was judged by other contracts or before a close: no batch tells of those. */
const reconcileAsAsked = (services: Services, { partner }: Image): Promise<void> =>
  reconcileBatch(usageNeeds(services), { partner: partner?.S ?? '' })

async function sweepExpired({ table, log }: Services, image: Image): Promise<void> {
  const pointer = BatchPointer.safeParse({
    id: image['id']?.S,
    partner: image['partner']?.S,
    state: image['state']?.S,
    chunks: Number(image['chunks']?.N),
  })
  // Only an upload expires: to take the end of a sweep for one would sweep for ever.
  if (!pointer.success || pointer.data.state !== 'receiving') return
  const swept = await sweepBatch({ table }, pointer.data)
  if (swept) log('info', 'upload-swept', { partner: pointer.data.partner, batch: pointer.data.id })
}

/**
 * What follows from a change and may take its time: the allowances that a new batch used, usage judged anew under other
 * terms, the sweep of an expired upload, the steps of a close.
 */
export async function settleChanges(services: Services, event: StreamEvent): Promise<void> {
  for (const { eventName, dynamodb } of event.Records) {
    const after = (dynamodb?.NewImage ?? {}) as Image
    const before = (dynamodb?.OldImage ?? {}) as Image
    if (eventName === 'INSERT' && after[table.kind]?.S === 'usage-manifest') await noteBatch(services, after)
    if (after[table.kind]?.S === 'provisional-request') await reconcileAsAsked(services, after)
    if (after[table.kind]?.S === 'contract') await judgeAnew(services)
    if (after[table.kind]?.S === 'redemption' && after['state']?.S === 'captured') await followCapture(services, after)
    if (eventName === 'REMOVE' && before[table.kind]?.S === 'usage-batch') await sweepExpired(services, before)
    if (after[table.kind]?.S === 'close') await settleClose(services, after, before)
  }
}

/** The close's own steps write the same item, so changes that nobody asked for are passed over. */
async function settleClose(services: Services, close: Image, before: Image): Promise<void> {
  const asked = close['state']?.S === 'cutoff' || close['requests']?.N !== before['requests']?.N
  if (!asked) return
  const closing = { programme: close['programme']?.S ?? '', period: (close['period']?.S ?? '') as Period }
  const [identity, cutoffAt] = [close['identity']?.S ?? '', close['cutoffAt']?.S ?? '']
  const requests = Number(close['requests']?.N)
  await followClose(services, { ...closing, identity, cutoffAt, requests, state: close['state']?.S })
}

/** An event that named the redemption before it was captured was judged without it. Without a quota that is the same. */
async function followCapture(
  services: Services,
  { partner, id, link, entitlement, quotaPeriod }: Image,
): Promise<void> {
  if (!quotaPeriod || !partner?.S || !id?.S) return
  const named = { id: id.S, link: LinkId.parse(link?.S), entitlement: EntitlementId.parse(entitlement?.S) }
  if (await isNamedByUse(services, named)) await noteLateCapture(usageNeeds(services), partner.S)
}

/**
 * Advances memberships whose time has come, clears holds that have expired, rotates the keys that are old enough, tells
 * partners what they have not taken yet, and goes on with erasures that were broken off; none waits for the others.
 */
export async function fireTimers(services: Services): Promise<void> {
  const outcomes = await Promise.allSettled([
    advanceMemberships(services),
    expireDue(services),
    rotateDueKeys(services),
    deliveryOf(services).deliverDue({ seconds: 20, answerSeconds: 5 }),
    resumeErasures(services),
  ])
  const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  for (const failure of failures) services.log('error', 'timer-failed', errorFields(failure))
  if (failures.length > 0) throw new AggregateError(failures, 'some timers did not fire')
}

/** Erasures are few: what is learnt of a partner's provider is not kept from one minute to the next. */
function resumeErasures(services: Services): Promise<number> {
  const allowLoopback = services.config.ALLOW_LOOPBACK
  const openid = openidClient({ ...services, fetch: guardedFetch({ allowLoopback }), allowLoopback })
  return eraseDue({ ...services, withdraw: withdrawBy({ ...services, openid }) })
}

async function advanceMemberships(services: Services): Promise<void> {
  const fired = await fireDueTimers(services)
  if (fired > 0) services.log('info', 'timers-fired', { fired })
}
