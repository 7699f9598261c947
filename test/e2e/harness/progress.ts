import type { Outcome } from "./guest.ts";

/** A line that a command prints on stderr if it takes longer than a second. */
const PROGRESS =
  /^ib-sriov: (waiting for|setting|restoring|examining|releasing|rebinding|binding|unbinding|assigning|running) .*\n/gm;

/** Returns an outcome without the progress that a command prints on a busy machine. */
export function withoutProgress({ stderr, ...outcome }: Outcome): Outcome {
  return { ...outcome, stderr: stderr.replaceAll(PROGRESS, "") };
}
