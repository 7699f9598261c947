import { deferSignals } from "host";
import { forceRelease } from "../../attachment/operator/force-release.ts";
import type { AttachmentName } from "../../attachment/record/record.ts";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import { type Command, type CommandCall, jsonOption } from "../command.ts";
import { limitsOf, linuxContext } from "../context.ts";
import { printJson, printLine } from "../output.ts";

/** A DEL of the operator's. */
export const releaseAttachment: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "INTERFACE"],
  summary: "Takes a container's VF back, as DEL does",
  details: "CONTAINER is the whole ID, INTERFACE its name in the container; `attachments show` has both.",
  options: [{ name: "force", summary: "also from a container that is alive" }, jsonOption],
  run({ words: [containerId = "", ifname = ""], options }: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const name = { containerId, ifname };
    const state = new StateDirectory(node.files);
    if (!forceRelease(node, state, limitsOf(node), name, options.has("force"))) throw unknown(state, name);
    if (options.has("json")) printJson({ ...name, outcome: "released" });
    else printLine(`The VF of ${ifname} is back.`);
    return 0;
  },
};

function unknown(state: StateDirectory, name: AttachmentName): Error {
  const other = state.find(name);
  if (other === undefined) return new Error(`container ${name.containerId} has no attachment ${name.ifname}`);
  return new Error(`${other.path} is the Go plugin's: only a DEL of its runtime knows enough`);
}
