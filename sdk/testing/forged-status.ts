import { type Attack, group } from './attack.ts'
import type { TestIssuer } from './issuer.ts'

type Row = Pick<Attack, 'name' | 'what' | 'code' | 'make'>

/** A token whose `status` is exactly this. */
const status =
  (make: (issuer: TestIssuer) => unknown): Attack['make'] =>
  issuer =>
    issuer.mint({ status: make(issuer) })

/** A token whose `status_list` has these members beside or instead of the genuine ones. */
const reference = (change: (issuer: TestIssuer) => object): Attack['make'] =>
  status(issuer => ({ status_list: { idx: 1, uri: issuer.listUri(), ...change(issuer) } }))

/** A token of an address that is not the partner's own; a genuine, valid list waits there for whoever asks. */
const listAt = (address: (issuer: TestIssuer) => string): Attack['make'] =>
  reference(issuer => {
    const uri = address(issuer)
    issuer.publish(uri, () => issuer.sign('status-list', { sub: uri }))
    return { uri }
  })

const MALFORMED: readonly Row[] = [
  { name: 'status-string', what: 'status a string', make: status(() => 'valid') },
  { name: 'status-null', what: 'status null', make: status(() => null) },
  { name: 'status-array', what: 'status an array', make: status(() => []) },
  { name: 'status-idx-missing', what: 'no idx', make: reference(() => ({ idx: undefined })) },
  { name: 'status-idx-negative', what: 'idx -1', make: reference(() => ({ idx: -1 })) },
  { name: 'status-idx-fraction', what: 'idx 1.5', make: reference(() => ({ idx: 1.5 })) },
  { name: 'status-idx-string', what: 'idx "1"', make: reference(() => ({ idx: '1' })) },
  { name: 'status-idx-2-53', what: 'idx 2^53', make: reference(() => ({ idx: 2 ** 53 })) },
  { name: 'status-uri-missing', what: 'no uri', make: reference(() => ({ uri: undefined })) },
  { name: 'status-uri-number', what: 'uri a number', make: reference(() => ({ uri: 7 })) },
].map(row => ({ ...row, code: 'claim-status-invalid' as const }))

/** Addresses at which a forger, or another partner, could publish a list of their own liking. */
const FOREIGN: readonly Row[] = [
  {
    name: 'list-of-another-partner',
    what: 'the list of another partner of the same issuer',
    make: listAt(issuer => issuer.listUri(1, 'another-partner')),
  },
  {
    name: 'list-of-another-host',
    what: 'a list at another host',
    make: listAt(() => 'https://attacker.example/status-lists/youku/1'),
  },
  {
    name: 'list-of-similar-host',
    what: 'a host that begins as the issuer does',
    make: listAt(({ issuer, audience }) => `${issuer}.attacker.example/status-lists/${audience}/1`),
  },
  {
    name: 'list-with-user',
    what: 'the issuer as the user name of another host',
    make: listAt(({ issuer, audience }) => `${issuer}@attacker.example/status-lists/${audience}/1`),
  },
  {
    name: 'list-by-dots',
    what: 'a path that climbs out to another partner by ".."',
    make: listAt(({ issuer, audience }) => `${issuer}/status-lists/${audience}/../another-partner/1`),
  },
  {
    name: 'list-by-escaped-dots',
    what: 'the same with %2e%2e',
    make: listAt(({ issuer, audience }) => `${issuer}/status-lists/${audience}/%2e%2e/another-partner/1`),
  },
  {
    name: 'list-elsewhere',
    what: 'another path of the issuer',
    make: listAt(({ issuer }) => `${issuer}/uploads/1`),
  },
  { name: 'list-with-query', what: 'a query behind', make: listAt(issuer => `${issuer.listUri()}?at=yesterday`) },
  { name: 'list-with-fragment', what: 'a fragment behind', make: listAt(issuer => `${issuer.listUri()}#1`) },
  { name: 'list-relative', what: 'a relative address', make: listAt(() => '/status-lists/youku/1') },
  { name: 'list-of-file', what: 'a file: address', make: listAt(() => 'file:///status-lists/youku/1') },
  { name: 'list-in-data', what: 'a data: address', make: listAt(() => 'data:application/statuslist+jwt,x') },
].map(row => ({ ...row, code: 'status-list-foreign' as const }))

/** Bits of list 1 that are the corpus's own. */
const INDEX = { revoked: 7, suspended: 8 } as const
const BEYOND = 2 ** 18

const BITS: readonly Row[] = [
  {
    name: 'revoked',
    what: 'a genuine token whose bit says invalid',
    code: 'token-revoked',
    make: issuer => {
      issuer.setStatus({ index: INDEX.revoked }, 'invalid')
      return reference(() => ({ idx: INDEX.revoked }))(issuer)
    },
  },
  {
    name: 'suspended',
    what: 'a genuine token whose bit says suspended',
    code: 'token-suspended',
    make: issuer => {
      issuer.setStatus({ index: INDEX.suspended }, 'suspended')
      return reference(() => ({ idx: INDEX.suspended }))(issuer)
    },
  },
  {
    name: 'index-out-of-range',
    what: 'the first index behind the end of its list',
    code: 'status-index-out-of-range',
    make: reference(() => ({ idx: BEYOND })),
  },
  {
    name: 'index-far-out-of-range',
    what: 'an index of 2^53 - 1',
    code: 'status-index-out-of-range',
    make: reference(() => ({ idx: Number.MAX_SAFE_INTEGER })),
  },
  {
    name: 'status-missing',
    what: 'a genuine signature over a token that names no list',
    code: 'status-missing',
    make: status(() => undefined),
  },
  {
    name: 'status-of-another-kind',
    what: 'a status without status_list, as another mechanism would have it',
    code: 'status-missing',
    make: status(({ issuer }) => ({ another_mechanism: { uri: `${issuer}/status/1` } })),
  },
]

const checked = (rows: readonly Row[]) => rows.map(row => ({ ...row, needsStatus: true }))

export const STATUS: readonly Attack[] = [
  ...group('status claim', MALFORMED),
  ...group('address of the status list', checked(FOREIGN)),
  ...group('status', checked(BITS)),
]
