import { TimeoutError } from "../node/clock.ts";
import { attemptAll, cniErrorOf } from "./errors.ts";
import { rollbackTimeOf } from "./limits.ts";
import type { Session } from "./lock/session.ts";

/**
 * Runs an action for each of many records, also after a failure, until a signal comes or the time is up. Each action has
 * a separate time limit, the same as a rollback, so that a record whose action times out leaves time for the others. No
 * action begins without that time, because it would fail at its first wait, with the VF only partly restored.
 * @param what the records, in the plural, for the error that counts those that are left.
 * @returns the errors, that one first.
 */
export function attemptEach(
  session: Session,
  what: string,
  actions: readonly ((session: Session) => void)[],
): unknown[] {
  const { clock } = session.node;
  const time = rollbackTimeOf(session.deadline - clock.now());
  const failures: unknown[] = [];
  for (const [done, action] of actions.entries()) {
    const [stopped] = attemptAll([
      () => clock.checkInterrupted(),
      () => requireTime(session.deadline - clock.now(), time),
    ]);
    if (stopped !== undefined) {
      const left = `${actions.length - done} of ${actions.length} ${what} are left`;
      return [cniErrorOf(`continue, so that ${left}`, stopped), ...failures];
    }
    failures.push(...attemptAll([() => action({ ...session, deadline: clock.now() + time })]));
  }
  return failures;
}

function requireTime(left: number, needed: number): void {
  if (left < needed) throw new TimeoutError("the time limit leaves no time for another one");
}
