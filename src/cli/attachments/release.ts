import { deferSignals } from "host";
import { forceRelease, forceReleaseAt } from "../../attachment/admin/force-release.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import type { Command, CommandCall } from "../command.ts";
import { limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { listingOptions, printListing } from "../output/listing.ts";
import { during } from "../progress.ts";
import { attachmentAt, attachmentsOf, type ListedAttachment } from "./attachments.ts";
import { CONTAINER_DETAILS, labelOf, selectOne } from "./select.ts";

/** Releases a VF like DEL, for an administrator. */
export const releaseAttachment: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "[INTERFACE]"],
  summary: "Releases a container's VF, as DEL does",
  details: `${CONTAINER_DETAILS}
INTERFACE is the name in the container; it is not needed if the container has one attachment only.`,
  examples: [
    ["ib-sriov attachments release default/trainer-0", "releases the VF of a pod that has ended"],
    [
      "ib-sriov attachments release 4f2c net1 --force",
      "takes the VF from the container whose ID begins with 4f2c, even if it is running, or its record cannot be read",
    ],
  ],
  options: [{ name: "force", summary: "also if the container is running" }, timeoutOption, ...listingOptions],
  run(call: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const session = openSession(node, limitsOf(node, call));
    const [container = "", ifname = ""] = call.words;
    const attachment = attachmentNamed(session, container, ifname);
    const { path, name, pod, pci } = attachment;
    const options = { force: call.options.has("force") };
    if (attachment.condition === "go-plugin")
      throw new Error(`${path} is a record of the Go plugin, which only a DEL of its runtime can release`);
    const release = () =>
      name === undefined ? forceReleaseAt(session, path, options) : forceRelease(session, name, options);
    const isReleased = during(`releasing ${labelOf(attachment)}`, release);
    if (!isReleased) throw new Error(`${labelOf(attachment)} has no attachment any more`);
    printListing(call, {
      document: { ...name, pod, pci, path, outcome: "released" },
      names: [labelOf(attachment)],
      text: () => [textOf(attachment)],
    });
    return 0;
  },
};

/** Returns the attachment that the arguments name. For a complete ID with an interface, no other record is read. */
function attachmentNamed({ node, state }: Session, container: string, ifname: string): ListedAttachment {
  const name = { containerId: container, ifname };
  const path = container.includes("/") || ifname === "" ? undefined : state.findAny(name)?.path;
  const known = path && attachmentAt(node, state, path);
  if (known) return { ...known, name };
  return selectOne(attachmentsOf(node), container, ifname);
}

function textOf({ name, pod, pci, path }: ListedAttachment): string {
  const vf = pci === undefined ? "The VF" : `VF ${pci}`;
  if (name === undefined)
    return pci === undefined ? `The record ${path} is removed.` : `${vf} of ${path} is released.`;
  const container =
    pod === undefined ? `container ${name.containerId}` : `${pod} (container ${name.containerId})`;
  return `${vf} of ${container}, interface ${name.ifname}, is released.`;
}
