import { formatTime } from "../../log/format-time.ts";
import type { ListedAttachment } from "../attachments/attachments.ts";
import type { CliContext } from "../context.ts";
import { readCallLog } from "./call-log.ts";
import type { RecentFailure, RecentFailures } from "./recent-failures.ts";

/** The directory in which kubelet has a directory NAMESPACE_NAME_UID for each pod of the node, while the pod exists. */
const PODS = "/var/log/pods";

/**
 * Marks the failures that are not resolved. A failed ADD is resolved if a later ADD of the same pod or container has
 * succeeded; a failed DEL or CHECK if the attachment has ended; and both if the pod is gone. Calls that are about no
 * container, such as GC, are repeated by the runtime, and not marked.
 */
export function withUnresolved(
  machine: CliContext,
  recent: RecentFailures,
  attached: readonly ListedAttachment[],
  logFiles: readonly string[],
): RecentFailures {
  const pods = machine.inventory.names(PODS);
  const isPresent = ({ pod, containerID, command, ifname, last }: RecentFailure) => {
    if (`${pod}${containerID}` === "") return false;
    if (pods.length > 0 && pod !== "" && !pods.some((name) => name.startsWith(`${pod.replace("/", "_")}_`)))
      return false;
    const own = attached.filter(({ name }) => name?.ifname === ifname);
    if (command !== "ADD") return own.some(({ name }) => name?.containerId === containerID);
    const now = own.filter((each) =>
      pod === "" ? each.name?.containerId === containerID : each.pod === pod,
    );
    return !now.some(({ condition, since = 0 }) => condition === "attached" && formatTime(since) > last);
  };
  const present = recent.failures.filter(isPresent);
  const added = present.some(({ command }) => command === "ADD")
    ? readCallLog(machine, logFiles, "ADD").calls.filter(
        ({ command, error }) => command === "ADD" && error === undefined,
      )
    : [];
  const isResolved = ({ command, pod, containerID, ifname, last }: RecentFailure) =>
    command === "ADD" &&
    added.some(
      (each) =>
        each.ifname === ifname &&
        (pod === "" ? each.containerID === containerID : each.pod === pod) &&
        each.time >= last,
    );
  const unresolved = present.filter((failure) => !isResolved(failure));
  return {
    ...recent,
    failures: recent.failures.map((each) => ({ ...each, unresolved: unresolved.includes(each) })),
  };
}
