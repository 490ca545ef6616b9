import type { Problem } from '../../schemas/problem.ts'

export type Asked = {
  method: string
  path: string
  headers: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer> | undefined
}

/** Words that only the inside of the house knows. */
const inside = /dynamo|\baws\b|amazon|\bkms\b|conditionalcheck|validationexception|node_modules|\.tsx?:\d|\n\s+at /i
const banners = ['server', 'x-powered-by', 'x-aspnet-version']
const members = ['type', 'title', 'status', 'code', 'detail', 'instance']
const pages =
  /^\/($|\?|sign-in|sign-out|link\/|unlink\/|choose\/|portal\.css|activity|pass|privacy|device|finance|oauth\/(authorize|interaction\/))/
/** Their errors are those of RFC 6749 section 5.2. */
const forOAuthClients = /^\/oauth\/(token|par|device-authorization|revoke)$/

/** What is wrong with an answer by the rules that hold for all of them. */
export async function faultsOfAnswer({ path, headers: asked }: Asked, answer: Response): Promise<string[]> {
  const { status, headers } = answer
  // AuthZEN callers find their own id in the answer, if it is one.
  const [theirs] = path.startsWith('/access/') ? (/^[!-~]{1,128}$/.exec(asked['x-request-id'] ?? '') ?? []) : []
  const requestId = headers.get('x-request-id') ?? ''
  const text = await answer.text()
  const cacheControl = headers.get('cache-control') ?? ''
  const isToken = path === '/oauth/token' || path === '/v1/entitlement-tokens'
  const fault = (wrong: boolean, detail: string) => (wrong ? [detail] : [])
  return [
    ...fault(headers.get('x-content-type-options') !== 'nosniff', 'no nosniff'),
    ...fault(theirs === undefined ? !isOurs(requestId) : requestId !== theirs, 'no x-request-id'),
    ...banners.filter(name => headers.has(name)).map(name => `the banner ${name}`),
    ...fault((status >= 400 || isToken) && !cacheControl.includes('no-store'), `cache-control is ${cacheControl}`),
    ...fault(status === 401 && !pages.test(path) && !headers.has('www-authenticate'), 'no www-authenticate'),
    ...(status >= 400 ? faultsOfRefusal(path, answer, text, theirs === undefined ? requestId : undefined) : []),
  ]
}

const isOurs = (requestId: unknown): boolean => typeof requestId === 'string' && /^req_[0-9A-Z]{26}$/.test(requestId)

function faultsOfRefusal(
  path: string,
  { status, headers }: Response,
  text: string,
  requestId: string | undefined,
): string[] {
  const type = headers.get('content-type') ?? ''
  const told = inside.exec(text)
  const faults = told ? [`tells of the inside: ${told[0]}`] : []
  if (type.startsWith('text/html') && pages.test(path)) return faults
  if (type.startsWith('application/json') && forOAuthClients.test(path)) return faults
  // RFC 8935 has an error document of its own.
  if (type.startsWith('application/json') && path.startsWith('/events/') && status === 400) return faults
  if (type !== 'application/problem+json') return [...faults, `the content type is ${type}`]
  if (text === '') return faults
  const problem = JSON.parse(text) as Record<string, unknown>
  const missing = members.filter(member => problem[member] === undefined)
  if (missing.length > 0) faults.push(`the problem lacks ${missing.join(', ')}`)
  if (problem['status'] !== status) faults.push('the problem tells another status')
  const { instance } = problem
  if (!isOurs(instance) || instance !== (requestId ?? instance)) faults.push('the instance is not the request id')
  const unknown = Object.keys(problem).filter(key => !members.includes(key) && key !== 'errors')
  if (unknown.length > 0) faults.push(`the problem has ${unknown.join(', ')} too`)
  return faults
}

/** Status, code and the pointers of a refusal's faults, each pointer once. */
export async function refusalOf(answer: Response): Promise<[number, string, string[]]> {
  const { code, errors = [] } = (await answer.json()) as Problem
  if (errors.some(({ detail }) => detail === '')) throw new Error('a fault without words')
  return [answer.status, code, [...new Set(errors.map(({ pointer }) => pointer))]]
}

/** The problem, where it is the expected one. */
export async function problemOf(answer: Response, status: number, code: string): Promise<Problem> {
  const problem = (await answer.json()) as Problem
  if (answer.status !== status || problem.code !== code)
    throw new Error(`expected ${status} ${code}: ${answer.status} ${JSON.stringify(problem)}`)
  return problem
}

type Json = Record<string, unknown>
/** A copy in which the value at a pointer is another one; `undefined` takes it away. */
export function changed(document: object, pointer: string, value: unknown): Json {
  const copy = structuredClone(document) as Json
  const parts = pointer.split('/').slice(1)
  const last = parts.pop() ?? ''
  const parent = parts.reduce<Json>((node, part) => node[part] as Json, copy)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}
