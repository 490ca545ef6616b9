import { z } from '@hono/zod-openapi'
import { Contract, ContractDocument } from '../../schemas/contract.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { callerOf, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { applyContract, etagOf, findContract } from './apply-contract.ts'

const params = z.object({ id: Slug })
const headers = z.object({ 'if-match': z.string().max(40).optional() })

export const contractRoutes = (needs: { table: Table; now: Now }) =>
  router()
    .openapi(
      operation({
        method: 'put',
        path: '/v1/contracts/{id}',
        summary: 'Apply a contract between two brands of a programme',
        tag: 'operator',
        scopes: ['contracts:write'],
        request: { params, headers, body: jsonBody(ContractDocument) },
        responses: { 200: json(Contract, 'The terms that now hold'), default: problemAnswer },
      }),
      async c => {
        const document = c.req.valid('json')
        if (document.id !== c.req.valid('param').id)
          throw new Refusal('invalid-request', undefined, {
            errors: [{ pointer: '/id', detail: 'the id is not that of the path' }],
          })
        const ifMatch = c.req.valid('header')['if-match']
        const contract = await applyContract(needs, { caller: callerOf(c), document, ifMatch })
        return c.json(contract, 200, { etag: etagOf(contract.version) })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/contracts/{id}',
        summary: 'The terms of a contract',
        tag: 'operator',
        scopes: ['contracts:write', 'finance:read'],
        request: { params },
        responses: { 200: json(Contract, 'The terms'), default: problemAnswer },
      }),
      async c => {
        const contract = await findContract(needs, c.req.valid('param').id)
        const { brand } = await findProgramme(needs, contract.programme)
        if (![brand, contract.payer, contract.payee].includes(callerOf(c).brand)) throw new Refusal('not-yours')
        return c.json(contract, 200, { etag: etagOf(contract.version) })
      },
    )
