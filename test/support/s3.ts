import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Call, Permit } from './policy.ts'

type Version = { version: string; body: Buffer; etag: string }
export type S3 = {
  endpoint: string
  bucket: string
  /** Uploads as a partner would, and gives the version. */
  upload: (key: string, body: Uint8Array | string) => string
  /** The newest version as text. */
  textOf: (key: string) => string | undefined
  keys: (prefix: string) => string[]
  remove: (key: string) => void
  /** Calls in their order: `GetObject incoming/youku/a.ndjson bytes=5-`. */
  calls: string[]
  refused: Call[]
  /** Closes the connection of the next read of the key after so many bytes. */
  breakAfter: (key: string, bytes: number) => void
  stop: () => Promise<void>
}

/**
 * S3 as its client speaks to it: one versioned bucket, path style, GetObject with ranges and versions, PutObject with
 * conditions. Signatures are not checked; `permitFor` stands for IAM, told who calls by the access key id.
 */
export async function startS3(permitFor: (caller: string) => Permit = () => () => true): Promise<S3> {
  const bucket = 'tessera-drop'
  const objects = new Map<string, Version[]>()
  const breaks = new Map<string, number>()
  const calls: string[] = []
  const refused: Call[] = []
  const store = (key: string, body: Buffer): Version => {
    const etag = `"${createHash('md5').update(body).digest('hex')}"`
    const version = { version: randomBytes(16).toString('base64url'), body, etag }
    objects.set(key, [...(objects.get(key) ?? []), version])
    return version
  }
  const newest = (key: string) => objects.get(key)?.at(-1)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://s3')
    const key = decodeURIComponent(url.pathname).replace(`/${bucket}/`, '')
    const caller = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const wanted = url.searchParams.get('versionId')
    const call = callOf(request.method ?? '', key, wanted)
    calls.push(`${call.action.slice(3)} ${key}${request.headers.range ? ` ${request.headers.range}` : ''}`)
    if (!permitFor(caller)(call)) {
      refused.push(call)
      return problem(response, 403, 'AccessDenied')
    }
    if (request.method === 'PUT') return put(request, response, key)
    const found = wanted === null ? newest(key) : objects.get(key)?.find(({ version }) => version === wanted)
    if (found) return get(request, response, key, found)
    // S3 tells that something is missing only to who may list it.
    const mayList = permitFor(caller)({ action: 's3:ListBucket', conditionKeys: {} })
    problem(response, mayList ? 404 : 403, mayList ? 'NoSuchKey' : 'AccessDenied')
  }

  async function put(request: IncomingMessage, response: ServerResponse, key: string): Promise<void> {
    const body = await buffer(request)
    const { 'if-match': match, 'if-none-match': noneMatch } = request.headers
    const etag = newest(key)?.etag
    if ((noneMatch === '*' && etag !== undefined) || (match !== undefined && match !== etag))
      return problem(response, 412, 'PreconditionFailed')
    const stored = store(key, body)
    response.writeHead(200, { etag: stored.etag, 'x-amz-version-id': stored.version }).end()
  }

  function get({ headers }: IncomingMessage, response: ServerResponse, key: string, found: Version): void {
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
    const body = found.body.subarray(from)
    const { etag, version } = found
    const more = from > 0 && { 'content-range': `bytes ${from}-${found.body.byteLength - 1}/${found.body.byteLength}` }
    response.writeHead(from > 0 ? 206 : 200, {
      etag,
      'content-length': body.byteLength,
      'x-amz-version-id': version,
      ...more,
    })
    const limit = breaks.get(key)
    breaks.delete(key)
    if (limit === undefined) response.end(body)
    else response.write(body.subarray(0, limit), () => response.destroy())
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(error => response.destroy(error))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket,
    upload: (key, body) => store(key, Buffer.from(body)).version,
    textOf: key => newest(key)?.body.toString(),
    keys: prefix => [...objects.keys()].filter(key => key.startsWith(prefix)).sort(),
    remove: key => objects.delete(key),
    calls,
    refused,
    breakAfter: (key, bytes) => breaks.set(key, bytes),
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const callOf = (method: string, key: string, version: string | null): Call => {
  const get = version === null ? 's3:GetObject' : 's3:GetObjectVersion'
  return { action: method === 'PUT' ? 's3:PutObject' : get, part: `/${key}`, conditionKeys: {} }
}

function problem(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}
