import * as z from 'zod'
import { type ChainPart, ChainStep } from '../../schemas/close-task.ts'
import type { ChainInputs } from './chain-run.ts'
import { tableSource } from './chain-source.ts'
import { doStep, placesOf } from './chain-steps.ts'
import { chainsOf } from './period-chains.ts'
import type { PeriodInputs, ReconcileNeeds } from './reconcile.ts'
import { planRun, type Run, type RunPlan, rulesOf } from './run-plan.ts'
import { type Spill, type Steps, stepsIn } from './spill.ts'

type Needs = ReconcileNeeds & Required<Pick<ReconcileNeeds, 'spillOf'>>

/**
 * Parts of a step, of all chains together: what an execution carries along has 256 KB, and its history 25,000 events,
 * of which `infra/close-machine.ts` does the sum.
 */
export const mostParts = 64
const planStep = 'plan'

/**
 * The large chains of a period, each step of them in parts that may be done at once. Chains whose steps are kept nowhere
 * are left out, and so are those beyond `mostParts`: whoever reconciles does them.
 */
export async function planChains(needs: Needs, inputs: PeriodInputs): Promise<Record<ChainStep, ChainPart[]>> {
  const plans: { partner: string; plan: RunPlan }[] = []
  for (const chain of await chainsOf(needs, inputs)) {
    const spill = await needs.spillOf(chain.partner)
    if (spill && plans.length < mostParts)
      plans.push({ partner: chain.partner, plan: await keptPlan(needs, chain, stepsIn(spill)) })
  }
  const most = Math.floor(mostParts / Math.max(1, plans.length))
  const parts = (step: ChainStep) =>
    plans.flatMap(({ partner, plan }) => partsOf(placesOf(plan, step), most).map(part => ({ partner, ...part })))
  return Object.fromEntries(ChainStep.options.map(step => [step, parts(step)])) as Record<ChainStep, ChainPart[]>
}

/** Cuts a row of places into as many parts of equal size at most. */
function partsOf(places: number, most: number): { from: number; upTo: number }[] {
  const size = Math.max(1, Math.ceil(places / most))
  return Array.from({ length: Math.ceil(places / size) }, (_, part) => ({
    from: part * size,
    upTo: Math.min(places, (part + 1) * size),
  }))
}

/**
 * Does a part of a step of a chain, what of it is not done yet.
 * @throws Error when the step before it is not complete, or the close has no such chain whose steps are kept
 */
export async function doChainPart(
  needs: Needs,
  inputs: PeriodInputs,
  { step, partner, ...part }: ChainPart & { step: ChainStep },
): Promise<void> {
  const chain = (await chainsOf(needs, inputs)).find(one => one.partner === partner)
  const spill: Spill | undefined = chain && (await needs.spillOf(partner))
  if (!chain || !spill) throw new Error(`the close of ${inputs.period} keeps no steps of a chain of ${partner}`)
  const steps = stepsIn(spill)
  const plan = await keptPlan(needs, chain, steps)
  const run: Run = { inputs: chain, source: tableSource(needs, partner), plan, steps, rules: rulesOf(chain) }
  await doStep(run, step, part)
}

const KeptPlan = z.strictObject({
  ranges: z.array(z.strictObject({ from: z.int(), upTo: z.int() })),
  shards: z.int(),
  seed: z.int(),
})

/** To plan is to read the list of all batches, which not every part should do again. */
async function keptPlan({ table, sizes }: Needs, chain: ChainInputs, steps: Steps): Promise<RunPlan> {
  await steps.once(planStep, async () => {
    const plan = await planRun(tableSource({ table }, chain.partner), chain, sizes)
    return [[planStep, Buffer.from(JSON.stringify(plan))]]
  })
  const bytes = await steps.read(planStep, planStep)
  return KeptPlan.parse(JSON.parse(Buffer.from(bytes ?? []).toString()))
}
