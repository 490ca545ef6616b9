import type { ExceptionRecord, UsageException } from '../../schemas/exception.ts'
import { againOnConflict } from '../kernel/table.ts'
import { type Act, decideAssignment, decideDispute } from './decide.ts'
import { exceptionWrites } from './store.ts'
import {
  decidableException,
  disputableException,
  type ExceptionNeeds,
  type Request,
  viewOf,
  withoutPeople,
} from './view.ts'

/** Load, decide, commit; a rival in between makes it decide again. */
async function act(
  needs: ExceptionNeeds,
  request: Request,
  find: typeof decidableException,
  decide: (before: ExceptionRecord, by: Act) => ExceptionRecord | undefined,
): Promise<UsageException> {
  return againOnConflict(async () => {
    const before = await find(needs, request)
    const at = needs.now()
    const after = decide(before, { actor: request.caller.client, at })
    if (after) await needs.table.commit(exceptionWrites(after, before))
    return viewOf(after ?? before, at)
  })
}

/** @throws Refusal exception-not-found, not-yours, exception-resolved, wrong-state */
export const assignException = (
  needs: ExceptionNeeds,
  { assignee, ...request }: Request & { assignee: string },
): Promise<UsageException> =>
  act(needs, request, decidableException, (before, by) => decideAssignment(before, assignee, by))

/** @throws Refusal exception-not-found, not-yours, dispute-too-late, exception-resolved, wrong-state */
export const disputeException = async (
  needs: ExceptionNeeds,
  { reason, ...request }: Request & { reason: string },
): Promise<UsageException> =>
  withoutPeople(await act(needs, request, disputableException, (before, by) => decideDispute(before, reason, by)))
