import type { StatementEvent } from '../../schemas/statement-event.ts'
import { majorAmount } from './amount.ts'
import type { Column } from './table.ts'

type Kind = Column<StatementEvent>['kind']
type Of = Column<StatementEvent>['of']
const column = (name: string, title: string, kind: Kind, of: Of): Column<StatementEvent> => ({ name, title, kind, of })

/** The events behind a statement line as a table. */
export const eventTable = [
  column('partner', 'Partner', 'text', event => event.partner),
  column('batch', 'Batch', 'text', event => event.batch),
  column('sequence', 'Sequence', 'integer', event => event.sequence),
  column('line', 'Line', 'integer', event => event.line),
  column('event', 'Event', 'text', event => event.event),
  column('type', 'Type', 'text', event => event.type),
  column('benefit', 'Benefit', 'text', event => event.benefit),
  column('occurred_at', 'Occurred at', 'instant', event => event.occurredAt),
  column('quantity', 'Quantity', 'integer', event => event.quantity),
  column('currency', 'Currency', 'text', event => event.currency),
  column('amount_minor', 'Amount (minor units)', 'integer', event => event.amountMinor),
  column('amount', 'Amount', 'amount', ({ amountMinor, currency }) =>
    amountMinor === undefined || currency === undefined ? undefined : majorAmount(amountMinor, currency),
  ),
  column('entitlement', 'Entitlement', 'text', event => event.entitlementId),
  column('exception', 'Exception', 'text', event => event.exception),
]
