import type { RequestListener } from 'node:http'
import { afterEach } from 'vitest'
import { createVerifier, type KeyLimits } from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, HEADER, KID, type LoopbackServer, mint, NOW, pair, serve } from './issuer.ts'

export type Answer = RequestListener
export const answer =
  (body: string, headers: Record<string, string> = {}, status = 200): Answer =>
  (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
export const down: Answer = answer('', {}, 503)
export const maxAge = (directives: string): Record<string, string> => ({ 'cache-control': directives })

export const open: LoopbackServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server[Symbol.asyncDispose]()
})

/** A real issuer whose answer can be changed, and a verifier whose clock can be moved. */
export async function scene(first: Answer, limits: Partial<KeyLimits> = {}) {
  const state = { answer: first, now: NOW }
  const server = await serve((request, response) => state.answer(request, response))
  open.push(server)
  const verifier = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => state.now, limits })
  const verify = (kid = KID, key = pair.privateKey) => {
    const times = { iat: state.now, nbf: state.now, exp: state.now + 900 }
    const ent = [{ id: 'ent_1', bid: 'youku-vip', st: 'active', vu: state.now + 900 }]
    return codeOf(verifier.verify(mint({ ...claims(server.url), ...times, ent }, { ...HEADER, kid }, key)))
  }
  return { state, server, verify, verifier }
}
