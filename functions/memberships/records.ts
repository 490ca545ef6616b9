/** What other domains may use of a membership's records: to find them, and to write them within a larger commit. */
export { findMembershipRecord, liveRemoval, membershipWrite, memberWrites, subjectsOf } from './store.ts'
