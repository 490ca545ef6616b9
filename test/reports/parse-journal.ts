export type JournalEntry = {
  date: string
  description: string
  postings: { account: string; amount: bigint; commodity: string }[]
}

/** Reads a plain-text journal as strictly as the programs it is for. @throws for a line that is none of theirs */
export function parseJournal(text: string): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith(';')) continue
    const head = /^(\d{4}-\d{2}-\d{2}) \* (.+)$/.exec(line)
    const posting = /^ {4}(\S+) {2,}(-?\d+) ([A-Z]+)$/.exec(line)
    if (head) entries.push({ date: head[1] ?? '', description: head[2] ?? '', postings: [] })
    else if (posting && entries.length > 0)
      entries.at(-1)?.postings.push({
        account: posting[1] ?? '',
        amount: BigInt(posting[2] ?? ''),
        commodity: posting[3] ?? '',
      })
    else throw new Error(`not a line of a journal: ${line}`)
  }
  return entries
}
