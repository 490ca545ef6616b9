import { Brand, BrandDocument } from '../../schemas/brand.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { documentRoutes } from '../kernel/validate.ts'
import { findBrand } from './find-brand.ts'
import { registerBrand } from './register-brand.ts'

export const brandRoutes = (needs: { table: Table; now: Now }) =>
  documentRoutes({
    path: '/v1/brands/{id}',
    tag: 'operator',
    document: BrandDocument,
    answer: Brand,
    apply: {
      summary: 'Register a brand with its settlement account: your own, or one that your contracts name',
      scopes: ['partners:write'],
      run: request => registerBrand(needs, request),
    },
    find: {
      summary: 'A brand with its settlement account, as you registered it',
      scopes: ['partners:write', 'finance:read'],
      run: request => findBrand(needs, request),
    },
  })
