import { systemNow } from '../../functions/kernel/clock.ts'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import type { Table, Write } from '../../functions/kernel/table.ts'
import { type App, router } from '../../functions/kernel/validate.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { ReceiveNeeds } from '../../functions/usage/receive.ts'
import type { Caller } from '../../schemas/client.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { BatchPointer } from '../../schemas/usage.ts'

export const issuer = 'https://tessera.example'

/** What receiving needs, with a clock that a test sets. */
export function receiveNeeds(table: Table, start = '2026-10-03T05:00:00Z') {
  const clock = { at: start as Instant }
  const now = () => clock.at
  const keys = keyRing({ table, vault: developmentVault(), now, wallNow: now, random: systemRandom })
  const needs: ReceiveNeeds = {
    table,
    now,
    wallNow: systemNow,
    random: systemRandom,
    keys,
    issuer,
    oldestOpenPeriods: async () => ({ '88vip': '2026-10' as Period }),
  }
  return { needs, keys, clock }
}

export const eventFields = (change: object = {}) => ({
  id: 'e-1',
  entitlementId: 'ent_00000000000000000000000001',
  benefit: 'eleme-5off',
  subject: 'sub_00000000000000000000000001',
  occurredAt: '2026-10-03T04:11:09Z',
  ...change,
})

export const ndjson = (...events: (object | string)[]): Uint8Array =>
  Buffer.from(events.map(event => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`).join(''))

export const eleme: Caller = { client: 'eleme', brand: 'eleme', partner: 'eleme', scopes: ['usage:write'] }

/** Routes with problems as answers and a caller that the test chooses. */
export function appOf(routes: App, caller: () => Caller | undefined): App {
  const app = router()
  app.onError(answerProblem(() => {}))
  app.use(async (c, next) => {
    c.set('requestId', 'req-1')
    const who = caller()
    if (who) c.set('caller', who)
    await next()
  })
  app.route('/', routes)
  return app
}

/** What an expired upload leaves in the stream. */
export const unfinished = (id: string): BatchPointer =>
  ({ id, partner: 'eleme', state: 'receiving', chunks: 1 }) as BatchPointer

/** A table on which writes matching `fails` do not happen, as if the process had died there. */
export function dyingTable(table: Table, fails: (kind: 'write' | 'commit') => boolean): Table {
  const die =
    <A>(kind: 'write' | 'commit', act: (argument: A) => Promise<void>) =>
    (argument: A) =>
      fails(kind) ? Promise.reject(new Error('killed')) : act(argument)
  return { ...table, write: die<Write>('write', table.write), commit: die<Write[]>('commit', table.commit) }
}
