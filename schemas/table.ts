/**
 * The one DynamoDB table: its keys and indexes for the stores, the local engine and CDK alike.
 *
 * | what                                    | pk                        | sk                       | index                      |
 * |-----------------------------------------|---------------------------|--------------------------|----------------------------|
 * | programme head, its versions            | PROGRAMME#id              | HEAD, VERSION#000001     | gsi1 PROGRAMMES / id       |
 * | contracts of a programme, their book    | PROGRAMME#id              | CONTRACT#id, BOOK        |                            |
 * | a membership by its seller's id         | PROGRAMME#id              | EXTERNAL#externalId      |                            |
 * | contract by id                          | CONTRACT#id               | HEAD                     |                            |
 * | partner registration, its pinned metadata | PARTNER#id              | HEAD, DISCOVERY          | gsi1 PARTNERS / id         |
 * | brand with its account, by registrar    | BRAND#id                  | registrar, VERSION#registrar#000001 |                 |
 * | machine client                          | CLIENT#id                 | HEAD                     |                            |
 * | member by issuer and subject            | IDENTITY#sha256           | HEAD                     |                            |
 * | member; memberships, links, activity    | MEMBER#id                 | HEAD, MEMBERSHIP#id, LIVE#programme, LINKED#programme#partner, PAIRWISE#partner, ACTIVITY#at#id | |
 * | sessions that began earlier are over    | SIGNED-OUT#sha256         | HEAD                     |                            |
 * | erasure of a member                     | ERASURE#member            | HEAD                     | gsi1 DUE-ERASURES / requestedAt |
 * | membership (aggregate root)             | MEMBERSHIP#id             | HEAD                     | gsi1 DUE#shard / nextTimerAt |
 * | entitlement with its history            | ENTITLEMENTS#partner#xx   | entitlement id           |                            |
 * | link with its entitlements, taken quota | LINK#id                   | HEAD, QUOTA              |                            |
 * | allowance uses that the quota counts    | USES#link                 | period#event             |                            |
 * | what takes such uses back                | REVERSALS#link            | entitlement#event        |                            |
 * | redemption                              | REDEMPTION#partner#id     | HEAD                     | gsi1 DUE-REDEMPTIONS#shard / expiresAt, while held |
 * | captured redemptions, as entitlements lie | CAPTURED#partner#xx     | entitlement#id           |                            |
 * | a partner's status lists: indexes drawn | STATUS#partner            | HEAD                     |                            |
 * | one status list: revision, signed token | STATUS#partner#n          | HEAD, TOKEN              |                            |
 * | its bits that are not 0, in chunks      | STATUS#partner#n          | BITS#000                 |                            |
 * | pass shown at a till, its redemption id  | PASS#jti, PASS-REDEMPTION#partner#id | HEAD          |                            |
 * | partner account                         | ACCOUNT#partner#account   | HEAD                     |                            |
 * | events that a partner is to be told     | EVENTS#partner            | event id                 | gsi1 DUE-EVENTS / nextAttemptAt, until it is given up |
 * | event of a partner that had its effect  | RECEIVED#partner#sha256   | HEAD                     |                            |
 * | usage: head, manifests, batch pointers  | USAGE#partner             | HEAD, MANIFEST#000000000001, BATCH#id |               |
 * | usage chunks                            | CHUNKS#partner#batch      | 000000                   |                            |
 * | what became of usage so far: run, batches, days | PROVISIONAL#partner | HEAD, BATCH#000000000001, DAYS#period#000000, REQUEST, CAPTURES | |
 * | what the steps of a run hand on, a week | SPILL#run#version#step#piece | 000000                |                            |
 * | close: record, cuts, history, outputs    | CLOSE#programme#period    | HEAD, CUT#partner, HISTORY#hash#000000, FINAL#identity#partner#sequence#line, OUTPUT#identity#step#000000 | |
 * | exception; its batch's, their last run   | EXCEPTION#id, EXCEPTIONS#partner#000000000001 | HEAD; exception id, NOTES | gsi1 EXCEPTIONS#partner#id#state, EXCEPTIONS#programme#id#state / reason#period#openedAt#id |
 * | what was accepted in a period, its count | ACCEPTED#programme#period | USE#exception#000000, HEAD |                          |
 * | event that an acceptance bills, takes back | ACCEPTED-EVENT#partner#sha256 | BILLED, TAKEN-BACK   |                            |
 * | closed periods of a programme           | CLOSES#programme          | period                   |                            |
 * | ledger: blocks, transfers, balances     | LEDGER#programme          | BLOCK#…, TRANSFER#…, BALANCE#… |                      |
 * | payment that was confirmed              | LEDGER#programme          | PAYMENT#period#id, PAYMENTS |                         |
 * | statement, its lines, token and parties | STATEMENT#id              | HEAD, LINES#000002, TOKEN, PARTY#brand | gsi1 STATEMENTS#brand / programme#period#id (PARTY) |
 * | a partner's refresh token, sealed        | PARTNERTOKEN#link         | HEAD                     |                            |
 * | state of a sign-in or link, used        | STATE#sha256              | HEAD                     |                            |
 * | keys, secrets                           | KEYS                      | KEY#purpose#000001, SECRET#name |                            |
 * | OAuth artefacts (adapter), their aliases | OAUTH#model#id            | HEAD                     |                            |
 * | what a grant has, what was agreed to    | OAUTH#grant#id            | model#id, CONSENT        |                            |
 * | artefact by user code or access token   | OAUTH#user-code#model#code, OAUTH#access-token#model#jti | HEAD |              |
 * | a device's last poll; requests a minute | OAUTH#poll#sha256, OAUTH#requests#kind#client | HEAD, MINUTE#n |                |
 * | codes that a person tried of late       | ATTEMPTS#device#sha256    | HEAD                     |                            |
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
