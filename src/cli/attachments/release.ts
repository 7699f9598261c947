import { deferSignals } from "host";
import { forceRelease } from "../../attachment/admin/force-release.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import type { AttachmentName } from "../../attachment/record/record.ts";
import { type Command, type CommandCall, jsonOption } from "../command.ts";
import { limitsOf, linuxContext } from "../context.ts";
import { printJson, printLine } from "../output.ts";

/** Releases a VF like DEL, for an administrator. */
export const releaseAttachment: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "INTERFACE"],
  summary: "Releases a container's VF, as DEL does",
  details:
    "CONTAINER is the complete ID, INTERFACE the name in the container; `attachments show` prints both.",
  options: [{ name: "force", summary: "also if the container is running" }, jsonOption],
  run({ words: [containerId = "", ifname = ""], options }: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const name = { containerId, ifname };
    const session = openSession(node, limitsOf(node));
    if (!forceRelease(session, name, { force: options.has("force") })) throw unknown(session, name);
    if (options.has("json")) printJson({ ...name, outcome: "released" });
    else printLine(`The VF of ${ifname} is released.`);
    return 0;
  },
};

function unknown({ state }: Session, name: AttachmentName): Error {
  const other = state.find(name);
  if (other === undefined) return new Error(`container ${name.containerId} has no attachment ${name.ifname}`);
  return new Error(`${other.path} is a record of the Go plugin, which only a DEL of its runtime can release`);
}
