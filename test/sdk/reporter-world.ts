import { gunzipSync } from 'node:zlib'
import { usageHead } from '../../functions/usage/read.ts'
import {
  CHAIN_START,
  createUsageReporter,
  type Fetch,
  type RejectedUse,
  type UsageEvent,
  type UsageReceipt,
  type UsageReporterOptions,
} from '../../sdk/index.ts'
import { gatewayWorld, issuer, seedTerms } from '../support/gateway.ts'

/** What happens to one request for a batch, instead of its being sent. */
export type Fault = (send: () => Promise<Response>, init: RequestInit) => Promise<Response>

/** The real gateway as the reporter's fetch, with faults for the next batches, and all that came of it. */
export async function reporterWorld() {
  const world = await gatewayWorld()
  await seedTerms(world)
  const faults: Fault[] = []
  const sent: { body: string; headers: Headers }[] = []
  const tokenRequests: string[] = []
  const receipts: UsageReceipt[] = []
  const rejected: RejectedUse[] = []
  const pauses: number[] = []
  const fetch: Fetch = async (url, init) => {
    const send = async () => world.app.request(url, init)
    if (url === `${issuer}/oauth/token`) tokenRequests.push(String(init.body))
    if (url !== `${issuer}/v1/usage-batches`) return send()
    const headers = new Headers(init.headers)
    const bytes = Buffer.from(init.body as Uint8Array)
    sent.push({ body: (headers.has('content-encoding') ? gunzipSync(bytes) : bytes).toString(), headers })
    const fault = faults.shift()
    return fault === undefined ? send() : fault(send, init)
  }
  const reporterOf = (more: Partial<UsageReporterOptions> = {}) =>
    createUsageReporter({
      issuer,
      audience: 'youku',
      credentials: { clientId: 'youku', clientSecret: 'youku-secret' },
      fetch,
      now: () => Date.parse(world.clock.now()) / 1000,
      chain: CHAIN_START,
      onReceipt: receipt => void receipts.push(receipt),
      onRejected: uses => void rejected.push(...uses),
      sleep: async milliseconds => void pauses.push(milliseconds),
      random: () => 1,
      ...more,
    })
  const head = () => usageHead(world.services, 'youku')
  return { ...world, faults, sent, tokenRequests, receipts, rejected, pauses, reporterOf, head }
}

export const use = (id: string, more: Partial<UsageEvent> = {}): UsageEvent => ({
  id,
  entitlementId: 'ent_00000000000000000000000001',
  benefit: 'youku-vip',
  subject: 'sub_00000000000000000000000001',
  occurredAt: '2026-10-03T04:11:09Z',
  ...more,
})

export const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Fault =>
  async () =>
    new Response(body, { status: code, headers })

export const answerLost: Fault = async send => {
  await send()
  throw new TypeError('fetch failed')
}

/** The gateway's answer, changed on the way. */
export const changed =
  (change: (answer: Record<string, unknown>) => object): Fault =>
  async send => {
    const answer = (await (await send()).json()) as Record<string, unknown>
    return Response.json({ ...answer, ...change(answer) }, { status: 202 })
  }

/** A fetch that heeds nothing and never answers. */
export const silence: Fault = () => new Promise(() => undefined)

export async function failureOf(act: Promise<unknown>): Promise<unknown> {
  try {
    await act
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
