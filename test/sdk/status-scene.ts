import { createVerifier, type VerifierOptions } from '../../sdk/index.ts'
import { createTestIssuer } from '../../sdk/testing/index.ts'
import { codeOf, NOW } from './issuer.ts'

export const INDEX = 104_729

/** An issuer whose clock can be moved and whose network can fail, and a verifier that checks the status. */
export function scene(options: Partial<VerifierOptions> = {}) {
  const state = {
    now: NOW,
    answer: undefined as ((url: string) => Response | Promise<Response> | undefined) | undefined,
    keys: undefined as (() => Response | Promise<Response>) | undefined,
  }
  const issuer = createTestIssuer({ issuer: 'https://tessera.example', now: () => state.now })
  const requests: { url: string; headers: Record<string, string> }[] = []
  const verifier = createVerifier({
    issuer: issuer.issuer,
    audience: issuer.audience,
    now: () => state.now,
    checkStatus: true,
    fetch: async (url, init) => {
      if (!url.includes('/status-lists/')) return await (state.keys?.() ?? issuer.fetch(url, init))
      requests.push({ url, headers: init.headers as Record<string, string> })
      return await (state.answer?.(url) ?? issuer.fetch(url, init))
    },
    ...options,
  })
  const mint = (claims: Record<string, unknown> = {}) => issuer.mint({ exp: NOW + 3600, ...claims })
  const verify = (token = mint()) => codeOf(verifier.verify(token))
  return { state, issuer, verifier, requests, mint, verify }
}

export const down = (): Response => new Response('', { status: 503 })
export const listAnswer = (body: string, headers: Record<string, string> = {}): Response =>
  new Response(body, { headers: { 'content-type': 'application/statuslist+jwt', ...headers } })
