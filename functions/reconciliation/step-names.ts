/** Under which names the steps of a run keep what they give. */
export const stepNames = {
  shuffle: (range: number) => `shuffle-${range}`,
  classify: (shard: number) => `classify-${shard}`,
  match: (shard: number) => `match-${shard}`,
  settle: (range: number) => `settle-${range}`,
  members: (shard: number) => `members-${shard}`,
}
