/**
 * How long tests wait for a process to end, or for a condition, ms. The limit ends only tests that hang: no test
 * takes that long, even on a machine that is twenty times as busy.
 */
export const patience = 180_000;
