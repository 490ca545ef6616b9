import { statementsByClose } from '../close-world.ts'
import { answering } from './answering.ts'
import { measured } from './reconcile-figures.ts'

// Without a table nobody answers: a close that reads from files is to ask none for anything.
answering({
  run: ({ folder }: { folder: string }) => measured(() => statementsByClose(folder, { table: undefined as never })),
})
