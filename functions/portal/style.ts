import { createHash } from 'node:crypto'
import { stylesheet } from './stylesheet.ts'

const hash = createHash('sha256').update(stylesheet).digest('hex').slice(0, 12)
/** Changes with its content, so that browsers may keep it for good. */
export const styleAddress = `/portal.css?v=${hash}`
