import type { TestProject } from 'vitest/node'
import { z } from 'zod'
import { startEngine } from '../../functions/local/engine.ts'

declare module 'vitest' {
  interface ProvidedContext {
    dynamodbEndpoint: string
  }
}

const blankIsUnset = (value: unknown) => (value === '' ? undefined : value)
const environment = z.object({
  TESSERA_ENGINE: z.preprocess(blankIsUnset, z.enum(['dynoxide', 'dynamodb-local']).optional()),
  DYNAMODB_ENDPOINT: z.preprocess(blankIsUnset, z.url().optional()),
})

/** One engine for the whole test run; a test file reads its address with `inject('dynamodbEndpoint')`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TESSERA_ENGINE: choice, DYNAMODB_ENDPOINT: endpoint } = environment.parse(process.env)
  const engine = await startEngine({
    ...(choice === undefined ? {} : { choice }),
    ...(endpoint === undefined ? {} : { endpoint }),
    log: line => console.log(line),
  })
  project.provide('dynamodbEndpoint', engine.endpoint)
  return () => engine.stop()
}
