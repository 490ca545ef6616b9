import { Contract, ContractDocument } from '../../schemas/contract.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { documentRoutes } from '../kernel/validate.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { applyContract, findContract } from './apply-contract.ts'

export const contractRoutes = (needs: { table: Table; now: Now }) =>
  documentRoutes({
    path: '/v1/contracts/{id}',
    tag: 'operator',
    document: ContractDocument,
    answer: Contract,
    apply: {
      summary: 'Apply a contract between two brands of a programme',
      scopes: ['contracts:write'],
      run: request => applyContract(needs, request),
    },
    find: {
      summary: 'The terms of a contract',
      scopes: ['contracts:write', 'finance:read'],
      async run({ caller, id }) {
        const contract = await findContract(needs, id)
        const { brand } = await findProgramme(needs, contract.programme)
        if (![brand, contract.payer, contract.payee].includes(caller.brand)) throw new Refusal('not-yours')
        return contract
      },
    },
  })
