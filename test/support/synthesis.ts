import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { z } from 'zod'
import { compose } from '../../infra/compose.ts'
import type { FunctionName } from '../../infra/lambdas.ts'

const Intrinsic = z.union([
  z.string(),
  z.strictObject({ Ref: z.string() }),
  z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) }),
])
const LambdaResource = z.object({
  Properties: z.object({
    Runtime: z.string(),
    Architectures: z.array(z.string()),
    Handler: z.string(),
    MemorySize: z.number(),
    Timeout: z.number(),
    Role: z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) }),
    Environment: z.object({ Variables: z.record(z.string(), Intrinsic) }),
  }),
  Metadata: z.object({ 'aws:cdk:path': z.string(), 'aws:asset:path': z.string() }),
})
export type LambdaResource = z.infer<typeof LambdaResource>

const RouteResource = z.object({
  Properties: z.object({
    RouteKey: z.string(),
    Target: z.object({
      'Fn::Join': z.tuple([z.literal(''), z.tuple([z.literal('integrations/'), z.object({ Ref: z.string() })])]),
    }),
  }),
})
const IntegrationResource = z.object({
  Properties: z.object({
    IntegrationUri: z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }),
    PayloadFormatVersion: z.literal('2.0'),
  }),
})

export type Synthesis = {
  template: Template
  folder: string
  lambda: (name: FunctionName) => LambdaResource
  /** Route key, such as `GET /health` or `$default`, to the name of the Lambda that answers. */
  routes: Map<string, FunctionName>
  remove: () => void
}

const { context } = z
  .object({ context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')))

// What the command line turns on: the template then tells which bundle is whose.
const commandLine = { 'aws:cdk:enable-path-metadata': true, 'aws:cdk:enable-asset-metadata': true }

type Wanted = { bundled: boolean; context?: Record<string, unknown> }

/** Synthesizes as `cdk synth` does, into a folder of its own; without bundles it takes a second. */
export function synthesize({ bundled, ...given }: Wanted): Synthesis {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-synth-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    return { ...synthesized(folder, { bundled, ...given }), folder, remove }
  } catch (error) {
    remove()
    throw error
  }
}

function synthesized(folder: string, { bundled, ...given }: Wanted): Omit<Synthesis, 'folder' | 'remove'> {
  const app = new App({
    outdir: folder,
    context: { ...context, ...commandLine, ...(bundled ? {} : { 'aws:cdk:bundling-stacks': [] }), ...given.context },
  })
  const template = Template.fromStack(compose(app))
  const found = template.findResources('AWS::Lambda::Function')
  const names = new Map<string, FunctionName>()
  const lambdas = new Map<FunctionName, LambdaResource>()
  for (const [id, resource] of Object.entries(found)) {
    const parsed = LambdaResource.parse(resource)
    const name = parsed.Metadata['aws:cdk:path'].split('/')[1]?.toLowerCase() as FunctionName
    names.set(id, name)
    lambdas.set(name, parsed)
  }
  return {
    template,
    lambda: name => defined(lambdas.get(name), name),
    routes: routesOf(template, names),
  }
}

function routesOf(template: Template, names: Map<string, FunctionName>): Map<string, FunctionName> {
  const integrations = template.findResources('AWS::ApiGatewayV2::Integration')
  return new Map(
    Object.values(template.findResources('AWS::ApiGatewayV2::Route')).map(resource => {
      const { RouteKey, Target } = RouteResource.parse(resource).Properties
      const integration = IntegrationResource.parse(integrations[Target['Fn::Join'][1][1].Ref])
      const [id] = integration.Properties.IntegrationUri['Fn::GetAtt']
      return [RouteKey, defined(names.get(id), id)]
    }),
  )
}

function defined<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the template has no ${what}`)
  return value
}

/** The variables of a Lambda, its references to resources taken from `resolved`. @throws for one that is not there */
export const environmentOf = (
  { Properties }: LambdaResource,
  resolved: { table: string; keyArn: string; bucket: string; machine: string },
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(Properties.Environment.Variables).map(([name, value]) => {
      if (typeof value === 'string') return [name, value]
      if ('Ref' in value && value.Ref.startsWith('Table')) return [name, resolved.table]
      if ('Ref' in value && value.Ref.startsWith('DropBucket')) return [name, resolved.bucket]
      if ('Ref' in value && value.Ref.startsWith('CloseMachine')) return [name, resolved.machine]
      if ('Fn::GetAtt' in value && value['Fn::GetAtt'][0].startsWith('VaultKey')) return [name, resolved.keyArn]
      throw new Error(`${name} refers to something a test does not know: ${JSON.stringify(value)}`)
    }),
  )
