import type { FC } from 'hono/jsx'
import type { Category } from './partner-texts.ts'

/** Pictures of the demo offers, drawn here: they say nothing that the text beside them does not say. */

const scenes: Readonly<Record<Category, FC>> = {
  video: () => (
    <>
      <rect width="640" height="240" fill="#101a33" />
      <circle cx="500" cy="70" r="34" fill="#f4e3b2" />
      <path d="M0 200 L110 120 L190 180 L300 90 L430 190 L540 140 L640 200 V240 H0 Z" fill="#1f335c" />
      <path d="M240 200 h160 l-24 24 H264 Z" fill="#a8452f" />
      <path d="M316 130 v70 M316 134 l58 50 h-58 Z" fill="#e9d8b4" stroke="#e9d8b4" stroke-width="4" />
    </>
  ),
  music: () => (
    <>
      <rect width="640" height="240" fill="#3a1c1c" />
      <circle cx="320" cy="120" r="100" fill="#16120f" />
      <circle cx="320" cy="120" r="78" fill="none" stroke="#3b342d" stroke-width="3" />
      <circle cx="320" cy="120" r="58" fill="none" stroke="#3b342d" stroke-width="3" />
      <circle cx="320" cy="120" r="34" fill="#ff7b4a" />
      <circle cx="320" cy="120" r="6" fill="#16120f" />
      <path d="M470 40 l-14 70 l-56 50" fill="none" stroke="#e6d6c8" stroke-width="8" stroke-linecap="round" />
    </>
  ),
  food: () => (
    <>
      <rect width="640" height="240" fill="#0d3b57" />
      <path d="M200 130 h240 a120 90 0 0 1 -240 0 Z" fill="#f3efe6" />
      <path d="M214 130 q26 -34 53 0 q26 -34 53 0 q26 -34 53 0 q26 -34 53 0 Z" fill="#f2b544" />
      <path
        d="M280 90 q-16 -18 0 -34 q16 -18 0 -34 M340 90 q-16 -18 0 -34 q16 -18 0 -34"
        fill="none"
        stroke="#b9d6e6"
        stroke-width="6"
        stroke-linecap="round"
      />
      <path d="M430 30 L360 132 M456 44 L378 132" stroke="#d08a4b" stroke-width="8" stroke-linecap="round" />
    </>
  ),
  travel: () => (
    <>
      <rect width="640" height="240" fill="#2d4a6b" />
      <path d="M0 210 L120 130 L230 190 L350 110 L470 190 L560 150 L640 200 V240 H0 Z" fill="#5d7f9c" />
      <path d="M350 110 l28 30 l-24 -4 l-22 12 Z" fill="#f4f7fa" />
      <path
        d="M150 90 l150 -34 q24 -4 26 8 q0 10 -20 14 l-52 12 l-58 62 l-20 4 l28 -58 l-40 10 l-18 20 l-14 2 l10 -36 Z"
        fill="#ffd25c"
      />
    </>
  ),
}

export const Art: FC<{ category: Category; locked: boolean }> = ({ category, locked }) => {
  const Scene = scenes[category]
  return (
    <svg viewBox="0 0 640 240" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      <g class="scene">
        <Scene />
      </g>
      {locked ? (
        <g>
          <circle cx="320" cy="120" r="56" fill="#ffffff" />
          <rect x="292" y="112" width="56" height="44" rx="8" fill="#22252b" />
          <path d="M302 112 v-12 a18 18 0 0 1 36 0 v12" fill="none" stroke="#22252b" stroke-width="8" />
        </g>
      ) : null}
    </svg>
  )
}
