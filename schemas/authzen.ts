import * as z from 'zod'
import { Instant } from './primitives.ts'
import { TokenEntitlement } from './token.ts'

/**
 * Requests and answers of the AuthZEN Authorization API 1.0. As it demands, unknown fields are ignored instead of
 * refused; they are dropped while parsing, so that nothing can carry them on.
 */
export const evaluationLimits = { text: 256, levels: 32, evaluations: 100 } as const

const Name = z
  .string()
  .max(evaluationLimits.text, `at most ${evaluationLimits.text} characters`)
  .refine(text => text.isWellFormed(), 'text of whole Unicode characters')

const isShallow = (value: unknown, levels: number = evaluationLimits.levels): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every(inner => isShallow(inner, levels - 1)))

/** No decision depends on them: whatever they say has been said in vain. */
const Attributes = z
  .record(z.string(), z.unknown())
  .refine(attributes => isShallow(attributes), `at most ${evaluationLimits.levels} levels`)
  .transform((): undefined => undefined)
  .meta({ description: 'Any JSON object; taken and ignored' })

export const AccessSubject = z
  .object({
    type: Name.meta({ description: 'A link is what can be asked about', example: 'link' }),
    id: Name.meta({ description: 'The id of the link', example: 'lnk_01J9ZK3V5W8XQ2M4N6P7R8S9TA' }),
    properties: Attributes.optional(),
  })
  .meta({ id: 'AccessSubject' })
export const AccessAction = z
  .object({
    name: Name.meta({ description: 'A benefit is there to be used', example: 'use' }),
    properties: Attributes.optional(),
  })
  .meta({ id: 'AccessAction' })
export const AccessResource = z
  .object({
    type: Name.meta({ example: 'benefit' }),
    id: Name.meta({ description: 'The id of the benefit', example: 'youku-vip' }),
    properties: Attributes.optional(),
  })
  .meta({ id: 'AccessResource' })

/** May the subject do that with the resource? (§6.1) */
export const AccessEvaluationRequest = z
  .object({
    subject: AccessSubject,
    action: AccessAction,
    resource: AccessResource,
    context: Attributes.optional(),
  })
  .meta({ id: 'AccessEvaluationRequest' })
export type AccessEvaluationRequest = z.infer<typeof AccessEvaluationRequest>

export const EvaluationsSemantic = z.enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'])
export type EvaluationsSemantic = z.infer<typeof EvaluationsSemantic>

/** What does not fit is kept as it came: it fails the evaluations that it reaches, and no other. */
const orAnything = <S extends z.ZodType>(schema: S) =>
  z.union([schema, z.unknown()]).optional().meta({ description: 'What does not fit fails the evaluations it reaches' })
const parts = {
  subject: orAnything(AccessSubject),
  action: orAnything(AccessAction),
  resource: orAnything(AccessResource),
  context: orAnything(Attributes),
}

/** One request of a batch after the defaults: an evaluation, or what is wrong with it in words of ours. */
export type BatchedEvaluation = AccessEvaluationRequest | { malformed: string }
export type EvaluationBatch = { semantic: EvaluationsSemantic; evaluations: BatchedEvaluation[] }

/**
 * Several evaluations at once (§7.1). What stands at the top is the default of each entry; a field that an entry has
 * replaces the default whole. Without entries it is one evaluation, and must be a valid one.
 */
export const AccessEvaluationsRequest = z
  .object({
    ...parts,
    evaluations: z
      .array(z.object(parts))
      .max(evaluationLimits.evaluations, `at most ${evaluationLimits.evaluations} evaluations in one request`)
      .optional(),
    options: z.object({ evaluations_semantic: EvaluationsSemantic.optional() }).optional(),
  })
  .transform(({ evaluations = [], options, ...defaults }, ctx): AccessEvaluationRequest | EvaluationBatch => {
    if (evaluations.length > 0)
      return {
        semantic: options?.evaluations_semantic ?? 'execute_all',
        evaluations: evaluations.map(entry => batched({ ...defaults, ...entry })),
      }
    const only = AccessEvaluationRequest.safeParse(defaults)
    if (only.success) return only.data
    for (const { path, message } of only.error.issues)
      ctx.issues.push({ code: 'custom', path: [...path], message, input: defaults })
    return z.NEVER
  })
  .meta({
    id: 'AccessEvaluationsRequest',
    example: {
      subject: { type: 'link', id: 'lnk_01J9ZK3V5W8XQ2M4N6P7R8S9TA' },
      action: { name: 'use' },
      evaluations: [
        { resource: { type: 'benefit', id: 'youku-vip' } },
        { resource: { type: 'benefit', id: 'youku-sports' } },
      ],
      options: { evaluations_semantic: 'permit_on_first_permit' },
    },
  })
export type AccessEvaluationsRequest = z.infer<typeof AccessEvaluationsRequest>

function batched(request: object): BatchedEvaluation {
  const { success, data, error } = AccessEvaluationRequest.safeParse(request)
  if (success) return data
  return { malformed: error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`).join('; ') }
}

export const DenialReason = z.enum([
  'link-not-found',
  'nothing-entitled',
  'not-entitled',
  'quota-exhausted',
  'unsupported-subject',
  'unsupported-action',
  'unsupported-resource',
])
export type DenialReason = z.infer<typeof DenialReason>

/** The decision (§6.2). A permit tells what a token of this moment would, and until when it would. */
export const AccessDecision = z
  .union([
    z.strictObject({
      decision: z.literal(true),
      context: z.strictObject({
        entitlement: TokenEntitlement,
        /** Until when a token minted now would be good. */
        expiresAt: Instant,
      }),
    }),
    z.strictObject({ decision: z.literal(false), context: z.strictObject({ reason: DenialReason }) }),
    z.strictObject({
      decision: z.literal(false),
      context: z.strictObject({ error: z.strictObject({ status: z.literal(400), message: z.string() }) }),
    }),
  ])
  .meta({ id: 'AccessDecision' })
export type AccessDecision = z.infer<typeof AccessDecision>

/** In the order of the request's evaluations; a semantic that stops early leaves out what comes after (§7.2). */
export const AccessDecisions = z.strictObject({ evaluations: z.array(AccessDecision) }).meta({ id: 'AccessDecisions' })
export type AccessDecisions = z.infer<typeof AccessDecisions>

/** The decision point's metadata (§9); what it does not name is not offered. */
export const DecisionPointMetadata = z
  .strictObject({
    policy_decision_point: z.url(),
    access_evaluation_endpoint: z.url(),
    access_evaluations_endpoint: z.url(),
  })
  .meta({ id: 'DecisionPointMetadata' })
