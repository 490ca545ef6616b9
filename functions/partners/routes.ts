import { Partner, PartnerDocument } from '../../schemas/partner.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { documentRoutes } from '../kernel/validate.ts'
import type { Vault } from '../tokens/vault.ts'
import { findPartner } from './find-partner.ts'
import { registerPartner } from './register-partner.ts'

export const partnerRoutes = (needs: { table: Table; vault: Vault; now: Now }) =>
  documentRoutes({
    path: '/v1/partners/{id}',
    tag: 'operator',
    document: PartnerDocument,
    answer: Partner,
    apply: {
      summary: 'Register a partner or change its registration; its secret is never shown again',
      scopes: ['partners:write'],
      run: request => registerPartner(needs, request),
    },
    find: {
      summary: "A partner's registration, without its secret",
      scopes: ['partners:write'],
      run: ({ id }) => findPartner(needs, id),
    },
  })
