import { deferSignals } from "host";
import { forceRelease } from "../../attachment/admin/force-release.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import type { AttachmentName } from "../../attachment/record/record.ts";
import type { Command, CommandCall } from "../command.ts";
import { limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { listingOptions, printListing } from "../output/listing.ts";

/** Releases a VF like DEL, for an administrator. */
export const releaseAttachment: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "INTERFACE"],
  summary: "Releases a container's VF, as DEL does",
  details:
    "CONTAINER is the complete ID, INTERFACE the name in the container; `attachments show` prints both.",
  options: [{ name: "force", summary: "also if the container is running" }, timeoutOption, ...listingOptions],
  run(call: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const [containerId = "", ifname = ""] = call.words;
    const name = { containerId, ifname };
    const session = openSession(node, limitsOf(node, call));
    if (!forceRelease(session, name, { force: call.options.has("force") })) throw unknown(session, name);
    printListing(call, {
      document: { ...name, outcome: "released" },
      names: [`${containerId}/${ifname}`],
      text: () => `The VF of ${ifname} is released.`,
    });
    return 0;
  },
};

function unknown({ state }: Session, name: AttachmentName): Error {
  const other = state.find(name);
  if (other === undefined) return new Error(`container ${name.containerId} has no attachment ${name.ifname}`);
  return new Error(`${other.path} is a record of the Go plugin, which only a DEL of its runtime can release`);
}
