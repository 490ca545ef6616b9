/** Something that the person at the terminal can put right before anything is sent. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
}

/** What went wrong while a file was being sent; running the same command again goes on. */
export class SendingStopped extends Error {
  override readonly name = 'SendingStopped'
}
