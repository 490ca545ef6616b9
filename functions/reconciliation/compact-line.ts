/** Beyond this a well-formed line is mostly blanks and escapes: its fields together are shorter. */
const usualLength = 1_024

/** Whether a line takes more room than what it says. */
export const isPadded = (text: string): boolean => text.length > usualLength

/**
 * The same content in the shortest spelling. Only for well-formed lines: their numbers are exact, so that nothing is
 * lost on the way, and the spelling of their content is of a bounded length. The text shares no memory with the segment
 * that the line was cut out of.
 */
export const compactLine = (text: string, event: unknown = JSON.parse(text)): string => JSON.stringify(event)
