import type { MemberExport } from '../../schemas/privacy.ts'

/** What exists about a member outside of the records that an export copies: in the document of each export. */
export const elsewhere: MemberExport['elsewhere'] = [
  {
    what: 'usage lines: which benefit was used when, how often and for how much',
    where: 'in the batches that the partners reported, under the pairwise subject and the entitlement id',
    why: 'the brands bill each other by them, and must be able to prove those bills; they carry no name',
  },
  {
    what: 'statements between brands, with the sums that the usage adds up to',
    where: 'in the settlement of each closed period',
    why: 'accounting records, kept as the law of each brand asks; they name no member',
  },
  {
    what: 'the account at the identity provider, with the name shown on these pages',
    where: 'at the identity provider; the name is held in the session cookie of the member’s own browser only',
    why: 'it is the identity provider’s; ask there',
  },
  {
    what: 'the accounts at partners',
    where: 'at each partner',
    why: 'they are the partner’s; ask there',
  },
  {
    what: 'passes for a till, and flows of linking that were begun',
    where: 'here, as short-lived records under random ids',
    why: 'they are deleted by themselves: passes within nine days, flows within days',
  },
  {
    what: 'consents to links that were begun at a partner, with the refresh tokens that the partner uses for them',
    where: 'here, under random ids; they name member, programme, partner and link, which are in this document',
    why: 'they are deleted by themselves: after 180 days without use, or once they are used for a link that has ended',
  },
  {
    what: 'refresh tokens of partners, so that unlinking withdraws the consent at the partner too',
    where: 'here, encrypted, one for each link at a partner that is registered so',
    why: 'they are keys to the account at the partner and must not lie in a file; they are deleted when the link ends',
  },
  {
    what: 'answers to the seller’s own requests, kept so that a request may be repeated safely',
    where: 'here, under the seller’s idempotency key',
    why: 'they are deleted by themselves, within three days',
  },
]
