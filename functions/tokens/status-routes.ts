import * as z from 'zod'
import { sha256 } from '../kernel/canonical.ts'
import { isTagHeld, Refusal } from '../kernel/refusal.ts'
import { operation, problemAnswer, router } from '../kernel/validate.ts'
import { type StatusListNeeds, signedStatusLists } from './status-list-token.ts'
import { ListName } from './status-store.ts'

export const statusListRoutes = (needs: StatusListNeeds) => {
  const signedList = signedStatusLists(needs)
  return router().openapi(
    operation({
      method: 'get',
      path: '/status-lists/{partner}/{n}',
      summary: "A partner's n-th status list, signed (draft-ietf-oauth-status-list)",
      tag: 'trust',
      scopes: [],
      request: { params: z.object({ partner: z.string().max(128), n: z.string().max(128) }) },
      responses: {
        200: {
          description: 'The status list token: two bits a status, 0 valid, 1 invalid, 2 suspended',
          content: { 'application/statuslist+jwt': { schema: z.string() } },
        },
        304: { description: 'The list that the ETag names still holds' },
        default: problemAnswer,
      },
    }),
    async c => {
      const jwt = await signedList(listOf(c.req.valid('param')))
      const etag = `"${sha256(jwt).slice(0, 32)}"`
      // Short, so that a change is seen within a minute through any cache; `ttl` in the token is the verifiers' own.
      const headers = { etag, 'cache-control': 'public, max-age=15' }
      if (isTagHeld(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
      return c.body(jwt, 200, { ...headers, 'content-type': 'application/statuslist+jwt' })
    },
  )
}

/** One list has one address: no leading zeros, no sign. @throws Refusal status-list-not-found */
function listOf({ partner, n }: { partner: string; n: string }): ListName {
  const name = /^[1-9][0-9]{0,5}$/.test(n) ? ListName.safeParse({ partner, list: Number(n) }) : undefined
  if (!name?.success) throw new Refusal('status-list-not-found')
  return name.data
}
