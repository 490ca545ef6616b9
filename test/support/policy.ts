import type { Template } from 'aws-cdk-lib/assertions'
import { z } from 'zod'

const oneOrMore = z.union([z.string().transform(value => [value]), z.array(z.string())])
const byKey = z.record(z.string(), oneOrMore).default({})
const Statement = z.object({
  Effect: z.literal('Allow'),
  Action: oneOrMore,
  Resource: z.unknown(),
  // Strict: an operator that is not understood here must not pass for one that holds.
  Condition: z
    .strictObject({ Null: byKey, StringEquals: byKey, 'ForAllValues:StringLike': byKey })
    .default({ Null: {}, StringEquals: {}, 'ForAllValues:StringLike': {} }),
})
type Statement = z.infer<typeof Statement>
const Policy = z.object({
  PolicyDocument: z.object({ Statement: z.array(Statement) }),
  Roles: z.array(z.object({ Ref: z.string() })),
})

/** A call of an AWS service. `part` is what its resource has after the table's, key's or bucket's own name: `/index/gsi1`. */
export type Call = { action: string; part?: string; conditionKeys: Record<string, string[]> }
export type Permit = (call: Call) => boolean

/** What IAM would say to the calls of a role, from the template's own policies; of wildcards only a last `*` is understood. */
export function permitOf(template: Template, role: string): Permit {
  const statements = Object.values(template.findResources('AWS::IAM::Policy'))
    .map(({ Properties }) => Policy.parse(Properties))
    .filter(({ Roles }) => Roles.some(({ Ref }) => Ref === role))
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
  return ({ action, part = '', conditionKeys }) =>
    statements.some(
      statement =>
        statement.Action.includes(action) &&
        partsOf(statement).some(pattern => isLike(part, pattern)) &&
        conditionHolds(statement, conditionKeys),
    )
}

/** The text after the reference in `Fn::Join`; a plain reference has none. */
const partsOf = ({ Resource }: Statement): string[] =>
  (Array.isArray(Resource) ? (Resource as unknown[]) : [Resource]).map(resource => {
    const joined = z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) }).safeParse(resource)
    return joined.success ? String(joined.data['Fn::Join'][1].at(-1)) : ''
  })

function conditionHolds({ Condition }: Statement, keys: Record<string, string[]>): boolean {
  const every = (operator: keyof typeof Condition, test: (values: string[], wanted: string[]) => boolean) =>
    Object.entries(Condition[operator]).every(([key, wanted]) => test(keys[key] ?? [], wanted))
  return (
    every('Null', (values, wanted) => String(values.length === 0) === wanted[0]) &&
    every('StringEquals', (values, wanted) => values.length === 1 && wanted.includes(values[0] ?? '')) &&
    every('ForAllValues:StringLike', (values, wanted) =>
      values.every(value => wanted.some(pattern => isLike(value, pattern))),
    )
  )
}

function isLike(value: string, pattern: string): boolean {
  if (/\*.|\?/.test(pattern)) throw new Error(`a test does not understand ${pattern}`)
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern
}
