/** CNI_ARGS, as far as it could be read. */
export interface CniArgs {
  /** Keys (case matters) and values in their order. */
  readonly pairs: readonly (readonly [key: string, value: string])[];
  /** What could not be read, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads CNI_ARGS: `KEY=value` pairs with `;` between them, each with exactly one `=`.
 *
 * A piece that is no pair is skipped and reported, because arguments are for several plugins, of which most
 * do not look at them: a mistake in one must not fail a call. Unknown keys are fine for the same reason, with
 * or without IgnoreUnknown.
 */
export function parseArgs(text: string): CniArgs {
  const pairs: [string, string][] = [];
  const warnings: string[] = [];
  if (text === "") return { pairs, warnings };
  for (const piece of text.split(";")) {
    const [key, value, ...more] = piece.split("=");
    if (key !== undefined && value !== undefined && more.length === 0) pairs.push([key, value]);
    // A ";" at the end is a slip that hides nothing.
    else if (piece !== "") warnings.push(`CNI_ARGS: invalid pair ${JSON.stringify(piece)}, skipped`);
  }
  return { pairs, warnings };
}

/** The value of a key, the last one where it is given twice; undefined where it is not given. */
export function argument(args: CniArgs, key: string): string | undefined {
  return args.pairs.findLast(([name]) => name === key)?.[1];
}
