import type { FC } from 'hono/jsx'
import { benefitName, documentOf, Fact, type Frame, Moment, moneyText, wordsOf } from './partner-layout.tsx'
import type { ReportedUse } from './partner-usage.ts'

/** A reported use with what its batch's lines came to; no dispositions when the gateway could not be asked. */
export interface SettledUse {
  readonly use: ReportedUse
  readonly dispositions?: Readonly<Record<string, number>> | undefined
}

export function usagePage(frame: Frame, uses: readonly SettledUse[]): string {
  const words = wordsOf(frame)
  return documentOf(
    frame,
    words.usageTitle,
    <>
      <h1>{words.usageTitle}</h1>
      <p>{words.usageText}</p>
      {uses.length === 0 ? (
        <p>{words.usageEmpty}</p>
      ) : (
        <ol class="reports">
          {uses.map(settled => (
            <UsageItem frame={frame} settled={settled} />
          ))}
        </ol>
      )}
      <p>
        <a href="/">{words.backHome}</a>
      </p>
    </>,
  )
}

const UsageItem: FC<{ frame: Frame; settled: SettledUse }> = ({ frame, settled: { use, dispositions } }) => {
  const words = wordsOf(frame)
  const counts = Object.entries(dispositions ?? {}).filter(([, count]) => count > 0)
  return (
    <li class="card">
      <h2>{benefitName(frame, use.benefit)}</h2>
      <dl class="facts">
        <Fact name={words.when}>
          <Moment epochMs={Date.parse(use.occurredAt)} language={frame.language} />
        </Fact>
        <Fact name={words.batch}>
          <code>{use.batch}</code>
        </Fact>
        <Fact name={words.sequence}>{use.sequence}</Fact>
        {use.amount ? <Fact name={words.amount}>{moneyText(use.amount, frame.language)}</Fact> : null}
        <Fact name={words.result}>
          {counts.length === 0 ? words.unknown : <code>{counts.map(([name, n]) => `${name}: ${n}`).join(', ')}</code>}
        </Fact>
      </dl>
    </li>
  )
}
