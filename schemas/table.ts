/**
 * The one DynamoDB table: its keys and indexes for the stores, the local engine and CDK alike.
 *
 * | what                                    | pk                        | sk                       | index                      |
 * |-----------------------------------------|---------------------------|--------------------------|----------------------------|
 * | programme head, its versions            | PROGRAMME#id              | HEAD, VERSION#000001     | gsi1 PROGRAMMES / id       |
 * | contracts of a programme, their book    | PROGRAMME#id              | CONTRACT#id, BOOK        |                            |
 * | a membership by its seller's id         | PROGRAMME#id              | EXTERNAL#externalId      |                            |
 * | contract by id                          | CONTRACT#id               | HEAD                     |                            |
 * | partner registration                    | PARTNER#id                | HEAD                     | gsi1 PARTNERS / id         |
 * | machine client                          | CLIENT#id                 | HEAD                     |                            |
 * | member by issuer and subject            | IDENTITY#sha256           | HEAD                     |                            |
 * | member; memberships, links, activity    | MEMBER#id                 | HEAD, MEMBERSHIP#id, LIVE#programme, LINKED#programme#partner, PAIRWISE#partner, ACTIVITY#at#id | |
 * | membership (aggregate root)             | MEMBERSHIP#id             | HEAD                     | gsi1 DUE#shard / nextTimerAt |
 * | entitlement with its history            | ENTITLEMENTS#partner#xx   | entitlement id           |                            |
 * | link with its entitlements, used quota  | LINK#id                   | HEAD, QUOTA              |                            |
 * | allowance uses that the quota counts    | USES#link                 | period#event             |                            |
 * | a partner's status lists: indexes drawn | STATUS#partner            | HEAD                     |                            |
 * | one status list: revision, signed token | STATUS#partner#n          | HEAD, TOKEN              |                            |
 * | its bits that are not 0, in chunks      | STATUS#partner#n          | BITS#000                 |                            |
 * | partner account                         | ACCOUNT#partner#account   | HEAD                     |                            |
 * | usage: head, manifests, batch pointers  | USAGE#partner             | HEAD, MANIFEST#000000000001, BATCH#id |               |
 * | usage chunks                            | CHUNKS#partner#batch      | 000000                   |                            |
 * | close: record, cuts, history, outputs    | CLOSE#programme#period    | HEAD, CUT#partner, HISTORY#hash#000000, FINAL#identity#partner#000000, OUTPUT#identity#step#000000 | |
 * | closed periods of a programme           | CLOSES#programme          | period                   |                            |
 * | ledger: blocks, transfers, balances     | LEDGER#programme          | BLOCK#…, TRANSFER#…, BALANCE#… |                      |
 * | statement, its lines, token and parties | STATEMENT#id              | HEAD, LINES#000002, TOKEN, PARTY#brand | gsi1 STATEMENTS#brand / programme#period#id (PARTY) |
 * | keys, secrets                           | KEYS                      | KEY#purpose#000001, SECRET#name |                            |
 * | OAuth artefacts (adapter), their aliases | OAUTH#model#id            | HEAD                     |                            |
 * |                                         | OAUTH#grant#id, OAUTH#uid#model#uid, OAUTH#user-code#model#code | model#id, HEAD |       |
 * | idempotency keys                        | IDEMPOTENCY#client#key    | HEAD                     |                            |
 *
 * Every item also carries `itemKind`, by which stream consumers filter. `ttl` is in epoch seconds.
 */
export const table = {
  partitionKey: 'pk',
  sortKey: 'sk',
  timeToLive: 'ttl',
  kind: 'itemKind',
  indexes: [{ name: 'gsi1', partitionKey: 'gsi1pk', sortKey: 'gsi1sk' }],
} as const

export type Key = { pk: string; sk: string }
export type IndexKey = { gsi1pk: string; gsi1sk: string }
