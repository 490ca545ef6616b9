import { PassRedemption, PassRedemptionRequest } from '../../schemas/pass.ts'
import { idempotent } from '../kernel/idempotency.ts'
import { json, jsonBody, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { redeemPass } from './redeem-pass.ts'

type Needs = Parameters<typeof redeemPass>[0]

export const passRoutes = (needs: Needs) =>
  router().openapi(
    operation({
      method: 'post',
      path: '/v1/passes/redeem',
      summary: 'Turn in a pass that was scanned at a till: once, and safe to retry under the same id',
      tag: 'partner',
      scopes: ['redemptions:write'],
      middleware: [idempotent(needs)],
      request: { body: jsonBody(PassRedemptionRequest) },
      responses: {
        201: json(PassRedemption, 'The pass is redeemed under this id, now or before'),
        default: {
          ...problemAnswer,
          description:
            'A problem (RFC 9457): 404 `pass-not-found` (no pass of this gateway), 403 `not-yours` (for another partner), ' +
            '409 `pass-expired`, `pass-already-redeemed` (says when) or `nothing-entitled` (the link ended meanwhile), ' +
            '422 `idempotency-key-reused` (the id names another pass)',
        },
      },
    }),
    async c => {
      const partner = partnerOf(c, 'passes are redeemed by partners')
      return c.json(await redeemPass(needs, { partner, ...c.req.valid('json') }), 201)
    },
  )
