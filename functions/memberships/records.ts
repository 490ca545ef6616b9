/** What other domains may use of a membership's records: to find them, and to write them within a larger commit. */
export { findMemberRecord, findMembershipRecord, liveRemoval, membershipWrite, memberWrites } from './store.ts'
