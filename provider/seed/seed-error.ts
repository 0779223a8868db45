/** What was asked for cannot become a seed; the message says what and where, without quoting secrets. */
export class SeedError extends Error {
  override readonly name = "SeedError";
}
