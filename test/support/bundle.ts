import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'

const Metafile = z.object({
  inputs: z.record(z.string(), z.object({ imports: z.array(z.object({ path: z.string() })) })),
  outputs: z.record(
    z.string(),
    z.object({
      entryPoint: z.string().optional(),
      inputs: z.record(z.string(), z.object({ bytesInOutput: z.number() })),
    }),
  ),
})

const isSdk = (path: string): boolean => /node_modules\/@(aws-sdk|smithy|aws)\//.test(path)

/**
 * What a bundle is made of, by esbuild's own account of the file in that folder: every input that left bytes in it, and
 * the minified bytes of all that would be there without the AWS SDK and what only the SDK imports.
 */
export function bundleOf(folder: string): { inputs: string[]; ownBytes: number; sdkBytes: number } {
  const { inputs, outputs } = Metafile.parse(JSON.parse(readFileSync(join(folder, 'index.meta.json'), 'utf8')))
  const output = Object.values(outputs).find(({ entryPoint }) => entryPoint !== undefined)
  if (!output?.entryPoint) throw new Error('the bundle has no entry point')
  const own = new Set<string>()
  const open = [output.entryPoint]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (own.has(path) || isSdk(path)) continue
    own.add(path)
    open.push(...(inputs[path]?.imports ?? []).map(({ path: imported }) => imported))
  }
  const sum = (wanted: (path: string) => boolean) =>
    Object.entries(output.inputs)
      .filter(([path]) => wanted(path))
      .reduce((bytes, [, { bytesInOutput }]) => bytes + bytesInOutput, 0)
  return {
    inputs: Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
    ownBytes: sum(path => own.has(path)),
    sdkBytes: sum(path => !own.has(path)),
  }
}
