import { dynamoDbClient, openTable } from '../../../functions/kernel/table.ts'
import { folderSpill } from '../../../functions/reconciliation/spill.ts'
import { tableSpill } from '../../../functions/reconciliation/spill-store.ts'
import { countByRun } from '../reconcile-count.ts'
import { answering } from './answering.ts'
import { measured } from './reconcile-figures.ts'

type Facts = Parameters<typeof countByRun>[1]
/** `endpoint` of an engine with the table `bench`, where the steps are then kept; otherwise they are kept in the folder. */
export type RunAsked = { folder: string; facts: Facts; endpoint?: string }

answering({
  run: ({ folder, facts, endpoint }: RunAsked) =>
    measured(async () => {
      const client = dynamoDbClient({
        region: 'us-east-1',
        // Without an engine nobody answers: a run that reads from files is to ask no table for anything.
        endpoint: endpoint ?? 'http://127.0.0.1:9',
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      })
      const table = openTable(client, 'bench')
      const wallSeconds = () => Math.floor(Date.now() / 1000)
      const spill = endpoint ? tableSpill({ table, wallSeconds }, { run: 'bench' }) : await folderSpill(folder)
      return countByRun(folder, facts, { table, spill })
    }),
})
