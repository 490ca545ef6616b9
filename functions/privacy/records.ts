/** What other domains may use of an erasure's record, so that nothing is written about a member who is erased. */
export { findErasure, notErased } from './store.ts'
