import { Refusal } from '../kernel/refusal.ts'

/** Why a line cannot be billed as it is asked: pages say it in the reader's language, the detail says it to programs. */
export type BillingObstacle =
  | 'no-programme'
  | 'malformed'
  | 'unknown-entitlement'
  | 'no-contract'
  | 'other-currency'
  | 'billed-already'
  | 'adjusted-target'
  | 'unbilled-target'
  | 'taken-back-already'

/** `not-billable`, with the obstacle and the line that has it. */
export class NotBillable extends Refusal {
  readonly obstacle: BillingObstacle
  /** Number of the line in its batch; absent where no line is the cause. */
  readonly line: number | undefined

  /** @param detail what is wrong and what to do */
  constructor(obstacle: BillingObstacle, line: number | undefined, detail: string) {
    super('not-billable', line === undefined ? detail : `line ${line}: ${detail}`)
    this.obstacle = obstacle
    this.line = line
  }
}
