import type { FC } from 'hono/jsx'
import type { Evidence } from '../../../schemas/exception.ts'
import { Instant } from '../../../schemas/primitives.ts'
import { compareInstants } from '../../kernel/clock.ts'
import { Fact, Facts, Items } from '../../portal/views/pieces.tsx'
import type { StaffVisit } from '../desk.ts'
import type { Shown } from '../exception-shown.ts'
import { Foreign, visibleText } from './exception-marks.tsx'
import { DataTable, momentIn, numberIn, Section } from './pieces.tsx'

type Props = { visit: StaffVisit; shown: Shown }

/** Everything that speaks for the reason. The line comes from outside: it is shown as text and as nothing else. */
export const EvidenceSection: FC<Props> = ({ visit, shown }) => {
  const { words, language } = visit
  const { evidence, batch } = shown.exception
  const text = words.exceptions.one.evidence
  const line = visibleText(evidence.text)
  return (
    <Section id="evidence" title={text.title}>
      <p id="line" class="mb-1 text-sm text-quiet">
        {text.line(numberIn(language, evidence.line), batch)}
      </p>
      <section
        class="max-h-80 overflow-auto rounded-box border border-base-300 bg-base-200 p-4"
        tabindex={0}
        aria-labelledby="line"
      >
        <pre class="text-sm break-all whitespace-pre-wrap" dir="ltr">
          {line}
        </pre>
      </section>
      {evidence.truncated && <p class="text-sm text-quiet">{text.truncated}</p>}
      {line !== evidence.text && <p class="text-sm text-quiet">{text.invisible}</p>}
      {evidence.errors && evidence.errors.length > 0 && (
        <>
          <h3 class="mt-4 mb-2">{text.errors}</h3>
          <Items
            items={evidence.errors.map(({ pointer, detail }) => (
              <span lang="en">
                <Foreign text={`${pointer} ${detail}`.trim()} />
              </span>
            ))}
          />
        </>
      )}
      <div class="mt-4">
        <EvidenceFacts visit={visit} evidence={evidence} />
      </div>
      <Timeline visit={visit} evidence={evidence} />
      <Contracts visit={visit} evidence={evidence} />
    </Section>
  )
}

type OfEvidence = { visit: StaffVisit; evidence: Evidence }

const EvidenceFacts: FC<OfEvidence> = ({ visit: { words, language }, evidence }) => {
  const text = words.exceptions.one.evidence
  const { entitlement, subjectMatches, benefitMatches, quotaPeriod, earlier } = evidence
  const quota = entitlement?.quota
  const fits = (matches: boolean) => (matches ? text.fits : <strong>{text.differs}</strong>)
  return (
    <Facts columns>
      {entitlement && (
        <Fact term={text.entitlement} whole>
          <Foreign text={entitlement.benefit} />, <code>{entitlement.id}</code>
        </Fact>
      )}
      {subjectMatches !== undefined && <Fact term={text.subject}>{fits(subjectMatches)}</Fact>}
      {benefitMatches !== undefined && <Fact term={text.benefit}>{fits(benefitMatches)}</Fact>}
      {quota && (
        <Fact term={text.quota}>{text.quotaText(numberIn(language, quota.limit), text.quotaOf[quota.per])}</Fact>
      )}
      {quotaPeriod !== undefined && <Fact term={text.quotaPeriod}>{quotaPeriod}</Fact>}
      {earlier && (
        <Fact term={text.earlier} whole>
          {text.earlierText(numberIn(language, earlier.line), numberIn(language, earlier.sequence))}
        </Fact>
      )}
    </Facts>
  )
}

type Moment = { from: string; until?: string | undefined; isUse: boolean }

/** The windows of the entitlement and the use among them, in the order of time, by the clock of the programme's place. */
const Timeline: FC<OfEvidence> = ({ visit: { words, language }, evidence }) => {
  const text = words.exceptions.one.evidence
  const { entitlement } = evidence
  if (!entitlement) return null
  const { timeZone, windows } = entitlement
  const used = occurredAt(evidence.text)
  const moments: Moment[] = windows.map(({ from, until }) => ({ from, until, isUse: false }))
  if (used) moments.push({ from: used, isUse: true })
  moments.sort((a, b) => compareInstants(a.from as Instant, b.from as Instant))
  const when = (at: string) => (
    <time datetime={at} class="whitespace-nowrap">
      {momentIn(language, at, timeZone)}
    </time>
  )
  return (
    <>
      <h3 class="mt-6 mb-2">{text.timeline}</h3>
      {windows.length === 0 && <p>{text.noWindow}</p>}
      <DataTable
        caption={text.timeline}
        captionHidden
        rows={moments}
        columns={[
          {
            title: text.what,
            heads: true,
            of: ({ isUse }) => (isUse ? <span class="text-error">{text.use}</span> : text.valid),
          },
          { title: text.from, of: ({ from }) => when(from) },
          { title: text.until, of: ({ until, isUse }) => (until ? when(until) : isUse ? '' : text.openEnd) },
        ]}
      />
    </>
  )
}

/** When the line says that it happened; undefined where it is not readable, or cut. */
function occurredAt(text: string): Instant | undefined {
  try {
    const line: unknown = JSON.parse(text)
    const parsed = Instant.safeParse(line instanceof Object && 'occurredAt' in line ? line.occurredAt : undefined)
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

const Contracts: FC<OfEvidence> = ({ visit: { words }, evidence: { contracts } }) => {
  const text = words.exceptions.one.evidence
  if (!contracts) return null
  return (
    <>
      <h3 class="mt-6 mb-2">{text.contracts}</h3>
      {contracts.length === 0 ? (
        <p>{text.noContracts}</p>
      ) : (
        <DataTable
          caption={text.contracts}
          captionHidden
          rows={contracts}
          columns={[
            { title: text.contract, heads: true, of: ({ id }) => id },
            { title: text.currency, of: ({ currency }) => currency },
            { title: text.validFrom, of: ({ validFrom }) => <span class="whitespace-nowrap">{validFrom}</span> },
            { title: text.validTo, of: ({ validTo }) => validTo ?? text.noEnd },
          ]}
        />
      )}
    </>
  )
}
