/** What other domains may use of a membership's records: to find them, and to write them within a larger commit. */
export {
  findMemberRecord,
  findMembershipRecord,
  forgottenMemberWrites,
  liveRemoval,
  membershipWrite,
  memberWrites,
  signedOutWrite,
  subjectsOf,
} from './store.ts'
