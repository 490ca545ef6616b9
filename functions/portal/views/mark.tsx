import type { FC } from 'hono/jsx'

/** A token broken in two halves that fit: the tessera. Decoration only. */
export const Mark: FC<{ large?: boolean }> = ({ large = false }) => (
  <svg class={large ? 'mark size-20' : 'mark'} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
    <path class="half-a" d="M12 6h20l-5 13 9 12-9 13 5 14H12a6 6 0 0 1-6-6V12a6 6 0 0 1 6-6z" />
    <path class="half-b" d="M37 6h15a6 6 0 0 1 6 6v40a6 6 0 0 1-6 6H37l-5-14 9-13-9-12z" />
  </svg>
)

const hues = [
  'hue-0',
  'hue-1',
  'hue-2',
  'hue-3',
  'hue-4',
  'hue-5',
  'hue-6',
  'hue-7',
  'hue-8',
  'hue-9',
  'hue-10',
  'hue-11',
] as const

/** FNV-1a, 32 bits: ids that differ by a letter get colours that have nothing to do with each other. */
export function hueOf(id: string): (typeof hues)[number] {
  const hash = [...id].reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 16_777_619), 2_166_136_261)
  return hues[(hash >>> 0) % hues.length] ?? 'hue-0'
}

/** A partner's initial on a colour of its own. The colour follows from the id, so it is the same on every page. */
export const Monogram: FC<{ id: string; name: string }> = ({ id, name }) => {
  return (
    <span class={`monogram ${hueOf(id)}`} aria-hidden="true">
      {[...name][0]?.toUpperCase() ?? ''}
    </span>
  )
}
