import type { FC } from 'hono/jsx'
import { encode } from 'uqr'

/** What the largest QR code of the lowest error correction holds, in bytes (ISO/IEC 18004, version 40-L). */
export const mostQrBytes = 2953
/** Light modules that a scanner needs around the code. */
const quietModules = 4

type Props = {
  /** ASCII of at most `mostQrBytes`. */
  text: string
  label: string
  /** After so many seconds the code fades beyond scanning under these two lines. */
  voids?: { afterSeconds: number; title: string; next: string }
}

/**
 * A QR code as SVG: dark on white in every colour scheme, without script or style. The animations are SMIL, so that each
 * code has its own time, and that the pages' policy allows.
 */
export const QrCode: FC<Props> = ({ text, label, voids }) => {
  const { data, size } = encode(text, { ecc: 'L', border: quietModules })
  return (
    <svg class="w-full max-w-sm" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} focusable="false">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={runsOf(data)} fill="none" stroke="#000000" shape-rendering="crispEdges">
        {voids && <set attributeName="stroke" to="#eceeed" begin={`${voids.afterSeconds}s`} />}
      </path>
      {voids && (
        <g visibility="hidden" text-anchor="middle" font-weight="700" fill="#a5221a">
          <set attributeName="visibility" to="visible" begin={`${voids.afterSeconds}s`} />
          <text x={size / 2} y={size * 0.49} font-size={size / 8}>
            {voids.title}
          </text>
          <text x={size / 2} y={size * 0.58} font-size={size / 17}>
            {voids.next}
          </text>
        </g>
      )}
    </svg>
  )
}

/** The dark modules of each row as horizontal strokes: one path, a fifth of what a square a module would take. */
export function runsOf(rows: boolean[][]): string {
  return rows
    .flatMap((row, y) =>
      [
        ...row
          .map(dark => (dark ? '1' : '0'))
          .join('')
          .matchAll(/1+/g),
      ].map(run => [run, y] as const),
    )
    .map(([run, y]) => `M${run.index} ${y}.5h${run[0].length}`)
    .join('')
}

/** A bar that runs out in so many seconds. */
export const Countdown: FC<{ seconds: number }> = ({ seconds }) => (
  <svg class="h-2 w-full rounded-full" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
    <rect width="100" height="1" class="fill-base-300" />
    <rect width="100" height="1" class="fill-primary">
      <animate attributeName="width" from="100" to="0" dur={`${seconds}s`} fill="freeze" />
    </rect>
  </svg>
)
