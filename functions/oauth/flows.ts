import type { MemberId } from '../../schemas/ids.ts'

/** What a partner asks a member to agree to, in a flow that began at the partner. */
export type LinkAsk = {
  partner: string
  /** The partner's client. */
  client: string
  /** Where the partner named one; else the member's only programme with a benefit there, or the member says which. */
  programme?: string
  /**
   * The partner's own id of the account, where the partner named it in a request of its own (pushed, device): it is
   * checked against the rules before the member agrees. It never comes from the browser.
   */
  account?: string
  /** The origin, or an app's private scheme with its colon, that the answer leads to: for the page's `form-action`. */
  leadsTo?: string
}

/** Who agreed, and to which programme's link. */
export type Consent = { member: MemberId; programme: string }

/**
 * What the pages need of the authorization server. The link itself is made when the partner's own token call redeems
 * the code, never before: whoever lures a member onto the address of their own flow gets no link by it, since the code
 * reaches a browser whose session at the partner did not begin the flow.
 */
export type LinkFlows = {
  /** The flow that this browser is in, by the address `/oauth/interaction/{uid}` and its cookie; undefined: expired or another's. */
  asked(request: Request): Promise<LinkAsk | undefined>
  /** Sends the member back to the partner with a code (303). */
  agree(request: Request, consent: Consent): Promise<Response>
  /** Sends the member back with `access_denied` (303). */
  decline(request: Request): Promise<Response>

  /** By the code that a device shows, in any spelling; undefined: unknown, expired or answered already. */
  deviceAsked(userCode: string): Promise<LinkAsk | undefined>
  /** False when it has expired or was answered meanwhile. */
  agreeDevice(userCode: string, consent: Consent): Promise<boolean>
  declineDevice(userCode: string): Promise<boolean>
}
