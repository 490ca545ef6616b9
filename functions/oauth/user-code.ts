/** Longer than any code we give out; what somebody types or sends may have any length. */
const mostTyped = 100
const longest = 32

/**
 * A device's code as it is compared: whatever spaces, dashes, case or full-width letters a person or a keyboard puts in.
 * @returns '' for what can be no code
 */
export function readUserCode(typed: string | null): string {
  const code = (typed ?? '')
    .slice(0, mostTyped)
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '')
  return code.length <= longest ? code : ''
}
