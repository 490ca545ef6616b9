/** What stands on every page for staff. */
export const shellEn = {
  name: 'Tessera Finance',
  tabs: { label: 'Pages', periods: 'Months', exceptions: 'Exceptions' },
  footer: 'Amounts are exact to the minor unit. What is published never changes.',
  programme: 'Programme',
  period: 'Month',
  state: 'State',
  states: {
    open: 'Open',
    cutoff: 'Cut off',
    reconciled: 'Reconciled',
    rated: 'Rated',
    posted: 'Posted',
    netted: 'Netted',
    signed: 'Signed',
    published: 'Closed',
  },
  download: 'Download',
  provisional: 'Provisional: the month is open, and figures change with what partners report.',
}
