import * as host from "host";

/** Constants of linux/prctl.h and asm-generic/signal.h. */
const PR_SET_PDEATHSIG = 1;
const SIGTERM = 15;

/** Returns the first argument of a command that must end when this process does. */
export function endingWithThis(): string {
  return `--end-with=${host.getpid()}`;
}

/**
 * Makes this process get SIGTERM when its parent ends, also if the parent is killed, if the first word is that of
 * {@link endingWithThis}. The parent has a single thread, to whose end the kernel binds the signal.
 * @returns the other words.
 */
export function endWithParent(words: readonly string[]): readonly string[] {
  const [, parent] = /^--end-with=(\d+)$/.exec(words[0] ?? "") ?? [];
  if (parent === undefined) return words;
  host.prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent can have ended before that.
  if (host.getppid() !== Number(parent)) host.kill(host.getpid(), SIGTERM);
  return words.slice(1);
}
