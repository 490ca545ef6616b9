/** A piece of a page. */
export type { Child as Part } from 'hono/jsx'
