import * as z from 'zod'
import { KeyPurpose, KeyRotationAnswer, KeyRotationRequest, PublicJwk } from '../../schemas/key.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import { idempotent } from '../kernel/idempotency.ts'
import type { Log } from '../kernel/log.ts'
import { isTagHeld } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import {
  callerOf,
  json,
  operation,
  optionalJsonBody,
  problemAnswer,
  refuseOtherBodies,
  router,
} from '../kernel/validate.ts'
import { rotateKey } from './key-rotation.ts'
import type { KeyRing } from './keys.ts'
import type { Vault } from './vault.ts'

export const jwksRoutes = ({ keys: ring }: { keys: Pick<KeyRing, 'publicKeys'> }) =>
  router().openapi(
    operation({
      method: 'get',
      path: '/.well-known/jwks.json',
      summary: 'Public keys of everything the gateway signs (RFC 7517)',
      tag: 'trust',
      scopes: [],
      responses: {
        200: json(z.object({ keys: z.array(PublicJwk) }), 'The key set, the keys that sign now first'),
        304: { description: 'The key set that the ETag names still holds' },
        default: problemAnswer,
      },
    }),
    async c => {
      const keys = await ring.publicKeys()
      const etag = `"${hashOf(keys).slice(0, 32)}"`
      const headers = { etag, 'cache-control': 'public, max-age=300' }
      if (isTagHeld(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
      return c.json({ keys }, 200, headers)
    },
  )

type Needs = { table: Table; vault: Vault; keys: KeyRing; now: Now; wallNow: Now; log: Log }

export const keyRoutes = (needs: Needs) =>
  router().openapi(
    operation({
      method: 'post',
      path: '/v1/keys/{purpose}/rotate',
      summary: 'Let the next signing key take over; in an emergency withdraw keys at once',
      tag: 'operator',
      scopes: ['keys:write'],
      middleware: [refuseOtherBodies, idempotent(needs)],
      request: { params: z.object({ purpose: KeyPurpose }), body: optionalJsonBody(KeyRotationRequest) },
      responses: { 200: json(KeyRotationAnswer, 'The keys of the purpose after it'), default: problemAnswer },
    }),
    async c => {
      const { purpose } = c.req.valid('param')
      const request = { ...c.req.valid('json'), purpose, by: callerOf(c).client }
      return c.json(await rotateKey(needs, request), 200)
    },
  )
