import * as z from 'zod'
import { ForeignId } from '../../schemas/primitives.ts'
import { Redemption, RedemptionRequest } from '../../schemas/redemption.ts'
import { idempotent } from '../kernel/idempotency.ts'
import { json, jsonBody, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { hold } from './hold.ts'
import { capture, findRedemption, voidRedemption } from './settle.ts'

type Needs = Parameters<typeof hold>[0]

const tag = 'partner'
const scopes: ['redemptions:write'] = ['redemptions:write']
const params = z.object({ id: ForeignId })
const onlyIfHeld = 'check that `state` is `held` before you hand anything over'
const onlyPartners = 'redemptions are held by partners'
const problems = (description: string) => ({
  ...problemAnswer,
  description: `A problem (RFC 9457): ${description}`,
})

export const redemptionRoutes = (needs: Needs) =>
  router()
    .openapi(
      operation({
        method: 'post',
        path: '/v1/redemptions',
        summary: 'Hold a quantity of a benefit for 15 minutes, before anything is handed over',
        tag,
        scopes,
        middleware: [idempotent(needs)],
        request: { body: jsonBody(RedemptionRequest) },
        responses: {
          201: {
            ...json(Redemption, 'Held now: hand over, then capture'),
            headers: z.object({
              location: z.string().describe('Where the redemption is read: `/v1/redemptions/{id}`'),
            }),
          },
          200: json(Redemption, `Held before under this id, and as it now stands: ${onlyIfHeld}`),
          default: problems(
            '404 `link-not-found` (you have no such link), 409 `not-entitled` (says why: suspended, ended, not chosen), ' +
              '409 `quota-exhausted` (says what remains and when the next quota period begins, or that so much never ' +
              'fits), 422 ' +
              '`idempotency-key-reused` (the id names another redemption), 503 `busy` (too many rivals: try again)',
          ),
        },
      }),
      async c => {
        const partner = partnerOf(c, onlyPartners)
        const { redemption, isNew } = await hold(needs, { partner, ...c.req.valid('json') })
        if (!isNew) return c.json(redemption, 200)
        return c.json(redemption, 201, { location: `/v1/redemptions/${encodeURIComponent(redemption.id)}` })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/redemptions/{id}',
        summary: 'A redemption as it now stands',
        tag,
        scopes,
        request: { params },
        responses: {
          200: json(Redemption, 'The redemption; one that was not captured in time has expired'),
          default: problems('404 `redemption-not-found` (you never held one of this id)'),
        },
      }),
      async c => {
        const partner = partnerOf(c, onlyPartners)
        return c.json(await findRedemption(needs, { partner, ...c.req.valid('param') }), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: '/v1/redemptions/{id}/capture',
        summary: 'The held goods were handed over: final, and safe to repeat',
        tag,
        scopes,
        middleware: [idempotent(needs)],
        request: { params },
        responses: {
          200: json(Redemption, 'Captured, now or before'),
          default: problems(
            '404 `redemption-not-found`, 409 `redemption-settled` (voided, or expired: says when), 503 `busy`',
          ),
        },
      }),
      async c => {
        const partner = partnerOf(c, onlyPartners)
        return c.json(await capture(needs, { partner, ...c.req.valid('param') }), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: '/v1/redemptions/{id}/void',
        summary: 'Nothing was handed over: gives the quota back at once; final, and safe to repeat',
        tag,
        scopes,
        middleware: [idempotent(needs)],
        request: { params },
        responses: {
          200: json(Redemption, 'Voided, now or before'),
          default: problems(
            '404 `redemption-not-found`, 409 `redemption-settled` (captured, or expired: says when), 503 `busy`',
          ),
        },
      }),
      async c => {
        const partner = partnerOf(c, onlyPartners)
        return c.json(await voidRedemption(needs, { partner, ...c.req.valid('param') }), 200)
      },
    )
