import { deferSignals, formatTime } from "host";
import { StateDirectory } from "../attachment/state-directory.ts";
import { takeBack } from "../attachment/take-back.ts";
import { type Attached, attachmentsOf } from "./attachments.ts";
import { type Command, type CommandCall, jsonOption } from "./command.ts";
import { limitsOf } from "./limits.ts";
import { attachedDocument } from "./list.ts";
import { thisMachine } from "./machine.ts";
import { say, sayJson, tableOf } from "./output.ts";

/** All attachments of the node. */
export const show: Command = {
  name: "attachments show",
  summary: "Shows which container has which VF, as the records say",
  options: [jsonOption],
  run({ options }: CommandCall): number {
    const attached = attachmentsOf(thisMachine().node);
    if (options.has("json")) sayJson(attached.map(attachedDocument));
    else if (attached.length === 0) say("Nothing is attached.");
    else say(tableOf([HEADING, ...attached.map(row)]));
    return 0;
  },
};

/** A DEL of the operator's. */
export const release: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "INTERFACE"],
  summary: "Takes a container's VF back, as DEL does",
  details: "CONTAINER is the whole ID, INTERFACE its name in the container; `attachments show` has both.",
  options: [{ name: "force", summary: "also from a container that is alive" }],
  run({ words: [containerId = "", ifname = ""], options }: CommandCall): number {
    deferSignals();
    const { node } = thisMachine();
    const name = { containerId, ifname };
    const state = new StateDirectory(node.files);
    if (takeBack(node, state, limitsOf(node), name, options.has("force"))) {
      say(`The VF of ${ifname} is back.`);
      return 0;
    }
    const other = state.find(name);
    throw new Error(
      other === undefined
        ? `container ${containerId} has no attachment ${ifname}`
        : `${other.path} is no record of ours${other.reference === undefined ? "" : ", but the Go plugin's: only a DEL of its runtime knows enough"}`,
    );
  },
};

const HEADING = ["CONTAINER", "INTERFACE", "POD", "NETWORK", "VF", "SINCE", "CONDITION"];

function row({ name, path, pod, network, pci, since, condition }: Attached): string[] {
  return [
    name?.containerId ?? path,
    name?.ifname ?? "",
    pod ?? "",
    network ?? "",
    pci ?? "",
    since === undefined ? "" : formatTime(since),
    condition,
  ];
}
