import { messageOf } from "../../cni/error-document.ts";
import { delegateResult } from "../../cni/ipam-outcome.ts";
import type { CniVersion } from "../../cni/versions.ts";
import { InterruptedError, TimeoutError } from "../../node/clock.ts";
import type { ChildOutcome } from "../../node/processes.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { type IpamCall, runIpam, startIpam } from "../ipam/ipam.ts";
import type { Lease } from "../ipam/lease.ts";

/** How much of a rollback's time is kept for the plugin's DEL, ms, or half of it, if its ADD does not end before. */
const releaseTime = 5000;

/** The addresses, leased from the IPAM plugin, which runs while the VF is prepared. */
export const lease: Step = {
  name: "lease",

  isNeeded: ({ ipam, lease }) => ipam !== undefined || lease !== undefined,

  apply(attachment) {
    if (attachment.ipam === undefined) return;
    attachment.lease = begin(attachment, attachment.ipam, attachment.reply.cniVersion);
  },

  undo(attachment) {
    const { node, lease, ipam, locks, deadline, warn } = attachment;
    lease?.end(deadline - Math.min(releaseTime, (deadline - node.clock.now()) / 2));
    if (ipam === undefined) return;
    try {
      runIpam(node, "DEL", ipam, locks.inheritable, attachment);
    } catch (error) {
      // The specification wants a DEL after an ADD that failed; there need be nothing that it could release.
      if (lease?.refused !== true) throw error;
      warn(messageOf(error));
    }
  },

  verify(attachment) {
    const { node, ipam } = attachment;
    if (ipam !== undefined) runIpam(node, "CHECK", ipam, [], attachment);
  },
};

function begin(attachment: StepContext, ipam: IpamCall, version: CniVersion): Lease {
  const { node, locks, deadline, warn, observe } = attachment;
  const child = startIpam(node, "ADD", ipam, locks.inheritable, deadline);
  let outcome: ChildOutcome | undefined;
  let isOver = false;
  const wait = (until: number) => {
    try {
      outcome = observe("wait", `IPAM plugin ${ipam.plugin}`, undefined, () => child.wait(until));
      isOver = true;
      return outcome;
    } catch (error) {
      // One that has printed too much is dead; at the deadline, or at a signal, it still runs.
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
