/** CNI_ARGS, as far as it could be parsed. */
export interface CniArgs {
  /** Keys (case-sensitive) and values, in their order. */
  readonly pairs: readonly (readonly [key: string, value: string])[];
  /** The pieces that could not be parsed, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Parses CNI_ARGS: `KEY=value` pairs with `;` between them, each with exactly one `=`.
 *
 * A piece that is not a pair is skipped with a warning. Several plugins get the same arguments, and most of them ignore
 * them, so a mistake must not fail a call. Unknown keys are allowed for the same reason, with or without IgnoreUnknown.
 */
export function parseArgs(text: string): CniArgs {
  const pairs: [string, string][] = [];
  const warnings: string[] = [];
  if (text === "") return { pairs, warnings };
  for (const piece of text.split(";")) {
    const [key, value, ...more] = piece.split("=");
    if (key !== undefined && value !== undefined && more.length === 0) pairs.push([key, value]);
    // A ";" at the end is harmless.
    else if (piece !== "") warnings.push(`CNI_ARGS: invalid pair ${JSON.stringify(piece)}, skipped`);
  }
  return { pairs, warnings };
}

/** Returns the value of a key, the last one if there are several; `undefined` if the key is missing. */
export function argument(args: CniArgs, key: string): string | undefined {
  return args.pairs.findLast(([name]) => name === key)?.[1];
}
