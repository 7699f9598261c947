import { messageOf } from "../../cni/error-document.ts";
import { delegateResult } from "../../cni/ipam-outcome.ts";
import type { CniVersion } from "../../cni/versions.ts";
import { InterruptedError, TimeoutError } from "../../node/clock.ts";
import type { ChildOutcome } from "../../node/processes.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { type IpamCall, type Lease, runIpam, startIpam } from "../ipam/ipam.ts";

/**
 * Part of a rollback's time that is reserved for the IPAM plugin's DEL, ms, at most half of the time. The rest is for
 * waiting until the IPAM plugin's ADD exits.
 */
const releaseTime = 5000;

/** Leases addresses from the IPAM plugin, which runs while ADD prepares the VF. */
export const lease: Step = {
  name: "lease",

  isNeeded: ({ ipam, lease }) => ipam !== undefined || lease !== undefined,

  apply(attachment) {
    if (attachment.ipam === undefined) return;
    attachment.lease = startLease(attachment, attachment.ipam, attachment.reply.cniVersion);
  },

  undo(attachment) {
    const { node, lease, ipam, locks, deadline, warn } = attachment;
    lease?.end(deadline - Math.min(releaseTime, (deadline - node.clock.now()) / 2));
    if (ipam === undefined) return;
    try {
      runIpam(attachment, "DEL", ipam, locks.inheritable);
    } catch (error) {
      // The specification requires a DEL after a failed ADD, even if there is nothing to release; the IPAM plugin may
      // then report an error.
      if (lease?.refused !== true) throw error;
      warn(messageOf(error));
    }
  },

  verify(attachment) {
    const { ipam } = attachment;
    if (ipam !== undefined) runIpam(attachment, "CHECK", ipam);
  },
};

function startLease(attachment: StepContext, ipam: IpamCall, version: CniVersion): Lease {
  const { locks, deadline, warn, observe } = attachment;
  const child = startIpam(attachment, "ADD", ipam, locks.inheritable);
  let outcome: ChildOutcome | undefined;
  let isOver = false;
  const wait = (until: number) => {
    try {
      outcome = observe("wait", `IPAM plugin ${ipam.plugin}`, undefined, () => child.wait(until));
      isOver = true;
      return outcome;
    } catch (error) {
      // After a timeout or a signal the IPAM plugin still runs. After any other error, it has ended.
      isOver = !(error instanceof TimeoutError || error instanceof InterruptedError);
      throw error;
    }
  };
  return {
    result() {
      const ended = attempt(`lease an address from IPAM plugin ${ipam.plugin}`, () => wait(deadline));
      return delegateResult(ipam.plugin, ended, version, warn);
    },
    end(until) {
      if (isOver) return;
      try {
        wait(until);
      } catch (error) {
        if (!(error instanceof TimeoutError) && !isOver) throw error;
      } finally {
        child.kill();
      }
    },
    get refused() {
      return outcome !== undefined && outcome.status > 0;
    },
  };
}
