/**
 * How long tests wait for a process to end, or for a condition, ms. Nothing takes that long, not on a machine that is
 * twenty times as busy either: the limit is there to end what hangs.
 */
export const patience = 180_000;
