import { statementsBySql } from '../close-sql.ts'
import { answering } from './answering.ts'
import { measured } from './reconcile-figures.ts'

answering({
  run: ({ folder, batchLines }: { folder: string; batchLines: number }) =>
    measured(() => statementsBySql(folder, batchLines)),
})
