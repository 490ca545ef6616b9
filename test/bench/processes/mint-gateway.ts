import { getRequestListener } from '@hono/node-server'
import { connect } from '../../../functions/connect.ts'
import { gateway } from '../../../functions/gateway.ts'
import { tokenPart } from '../../../functions/gateway-token.ts'
import { developmentVault } from '../../../functions/tokens/vault.ts'
import type { World } from '../mint-world.ts'
import { answering } from './answering.ts'
import { listening } from './listening.ts'

/** The token gateway as `functions/token.ts` composes it, on a port instead of Lambda's event. */
answering({
  start: ({ config, vaultKey }: Pick<World, 'config' | 'vaultKey'>): Promise<number> => {
    const app = gateway(connect(config, { vault: developmentVault(vaultKey) }), { token: tokenPart })
    return listening(getRequestListener(app.fetch))
  },
})
