import { formatTime } from "host";
import { type Attached, attachmentsOf } from "./attachments.ts";
import { type Command, type CommandCall, jsonOption } from "./command.ts";
import { attachedDocument } from "./list.ts";
import { thisMachine } from "./machine.ts";
import { say, sayJson, tableOf } from "./output.ts";

/** All attachments of the node. */
export const showAttachments: Command = {
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
