/** Addresses of one exception; `below` as in `/lines`, `/assign`. */
export const exceptionPath = (id: string, below = ''): string => `/finance/exceptions/${encodeURIComponent(id)}${below}`
