import * as z from 'zod'
import {
  AccessDecision,
  AccessDecisions,
  AccessEvaluationRequest,
  AccessEvaluationsRequest,
  DecisionPointMetadata,
} from '../../schemas/authzen.ts'
import { json, jsonBody, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { evaluate, evaluateAll } from './evaluate.ts'

const evaluationPath = '/access/v1/evaluation'
const evaluationsPath = '/access/v1/evaluations'
const forPartners = 'access evaluations are for partners'

/** The AuthZEN Authorization API 1.0 without its searches. A decision is 200 whichever it is. */
export const authzenRoutes = (needs: Parameters<typeof evaluate>[0]) =>
  router()
    .openapi(
      operation({
        method: 'post',
        path: evaluationPath,
        summary: 'Whether a link may use a benefit now (AuthZEN 1.0)',
        tag: 'partner',
        scopes: ['entitlements:read'],
        request: { body: jsonBody(AccessEvaluationRequest) },
        responses: { 200: json(AccessDecision, 'The decision'), default: problemAnswer },
      }),
      async c => c.json(await evaluate(needs, partnerOf(c, forPartners), c.req.valid('json')), 200),
    )
    .openapi(
      operation({
        method: 'post',
        path: evaluationsPath,
        summary: 'Several such decisions at once (AuthZEN 1.0)',
        tag: 'partner',
        scopes: ['entitlements:read'],
        request: { body: jsonBody(AccessEvaluationsRequest) },
        responses: {
          200: json(z.union([AccessDecisions, AccessDecision]), 'The decisions; one decision for no `evaluations`'),
          default: problemAnswer,
        },
      }),
      async c => {
        const partner = partnerOf(c, forPartners)
        const asked = c.req.valid('json')
        if ('evaluations' in asked) return c.json({ evaluations: await evaluateAll(needs, partner, asked) }, 200)
        return c.json(await evaluate(needs, partner, asked), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/.well-known/authzen-configuration',
        summary: 'Where decisions are asked for (AuthZEN 1.0 §9)',
        tag: 'trust',
        scopes: [],
        responses: { 200: json(DecisionPointMetadata, 'Metadata of the decision point'), default: problemAnswer },
      }),
      c =>
        c.json(
          {
            policy_decision_point: needs.issuer,
            access_evaluation_endpoint: `${needs.issuer}${evaluationPath}`,
            access_evaluations_endpoint: `${needs.issuer}${evaluationsPath}`,
          },
          200,
          { 'cache-control': 'public, max-age=3600' },
        ),
    )
