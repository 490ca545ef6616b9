import { type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { errorFields } from '../kernel/log.ts'
import { type DeviceLimit, pollIntervalSeconds, pollsTooSoon, waitForDeviceRequest } from './device-limits.ts'
import { endpoints } from './endpoints.ts'
import { answerOf } from './library-call.ts'
import { revokeAccessToken } from './revocation.ts'
import { checkBeforeUse, type LinkNeeds, redeem, refreshed } from './token-call.ts'

/** The library's code that is about to be used up, and which a token call may yet be refused for. */
type Usable = { grantId?: string | undefined; error?: string | undefined; consume(): Promise<void> }

/** Lets a token call that lacks something fail before its code is used up, so that it can be made again. */
export function checkedBeforeUse(server: Provider, needs: LinkNeeds): void {
  const models: { prototype: Usable }[] = [server.AuthorizationCode, server.DeviceCode]
  for (const { prototype } of models) {
    const { consume } = prototype
    prototype.consume = async function (this: Usable) {
      // A device code that the member declined has no grant: its answer is that.
      const { ctx } = Provider
      if (this.error === undefined && ctx) await checkBeforeUse(needs, this.grantId, ctx)
      await consume.call(this)
    }
  }
}

type Next = () => Promise<unknown>

/** Makes of the library's answers what the library itself knows nothing of: links. */
export const aroundCalls = (needs: LinkNeeds & DeviceLimit) => async (ctx: KoaContextWithOIDC, next: Next) => {
  await next()
  try {
    if (ctx.path === endpoints.token) await afterToken(needs, ctx)
    else if (ctx.path === endpoints.deviceAuthorization && ctx.status === 200) await afterDeviceRequest(needs, ctx)
    else if (ctx.path === endpoints.revoke) await afterRevocation(needs, ctx)
  } catch (error) {
    needs.log('error', 'oauth-failed', errorFields(error))
    ctx.status = 503
    ctx.body = { error: 'server_error', error_description: 'something broke here: try again later' }
  }
}

async function afterToken(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<void> {
  const { oidc, status } = ctx
  if (status === 400 && answerOf(ctx)['error'] === 'authorization_pending') return slowDown(needs, ctx)
  if (status !== 200 || !oidc.grant) return
  const isRefresh = oidc.params?.['grant_type'] === 'refresh_token'
  const answer = isRefresh ? await refreshed(needs, ctx) : await redeem(needs, ctx)
  ctx.status = answer.status
  ctx.body = answer.body
}

/** Counted once the client has proved who it is, or others could use up what it may ask. */
async function afterDeviceRequest(needs: LinkNeeds & DeviceLimit, ctx: KoaContextWithOIDC): Promise<void> {
  const { client, entities } = ctx.oidc
  const seconds = await waitForDeviceRequest(needs, client?.clientId ?? '')
  if (seconds === 0) {
    ctx.body = { ...answerOf(ctx), interval: pollIntervalSeconds }
    return
  }
  await entities.DeviceCode?.destroy()
  ctx.status = 429
  ctx.set('retry-after', String(seconds))
  ctx.body = { error: 'slow_down', error_description: `too many devices at once: wait ${seconds} seconds` }
}

/** The library leaves this to others; by now it knows that the device code is real and whose it is. */
async function slowDown(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<void> {
  const deviceCode = ctx.oidc.params?.['device_code']
  if (typeof deviceCode !== 'string' || !(await pollsTooSoon(needs, deviceCode))) return
  const error_description = `ask ${pollIntervalSeconds} seconds less often from now on`
  ctx.body = { error: 'slow_down', error_description }
}

async function afterRevocation(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<void> {
  if (answerOf(ctx)['error'] !== 'unsupported_token_type' || !(await revokeAccessToken(needs, ctx))) return
  ctx.status = 200
  ctx.body = ''
}
