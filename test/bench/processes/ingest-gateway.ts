import { getRequestListener } from '@hono/node-server'
import { connect } from '../../../functions/connect.ts'
import { gateway } from '../../../functions/gateway.ts'
import { developmentVault } from '../../../functions/tokens/vault.ts'
import { usageRoutes } from '../../../functions/usage/routes.ts'
import type { IngestWorld } from '../ingest-world.ts'
import { answering } from './answering.ts'
import { listening } from './listening.ts'

/** The gateway with its route for usage, as `functions/api.ts` composes it, on a port instead of Lambda's event. */
answering({
  start: ({ config, vaultKey }: Pick<IngestWorld, 'config' | 'vaultKey'>): Promise<number> => {
    const services = connect(config, { vault: developmentVault(vaultKey) })
    // Asked once, when a partner's chain begins.
    const needs = { ...services, oldestOpenPeriods: async () => ({}) }
    const app = gateway(services, { api: parent => void parent.route('/', usageRoutes(needs)) })
    return listening(getRequestListener(app.fetch))
  },
})
