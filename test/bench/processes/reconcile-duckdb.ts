import { countBySql } from '../reconcile-sql.ts'
import { answering } from './answering.ts'
import { measured } from './reconcile-figures.ts'

export type SqlAsked = { folder: string; batchLines: number }

answering({ run: ({ folder, batchLines }: SqlAsked) => measured(() => countBySql(folder, batchLines)) })
