import { formatTime } from "../../log/format-time.ts";
import { type Command, type CommandCall, jsonOption } from "../command.ts";
import { linuxContext } from "../context.ts";
import { formatTable, printJson, printLine } from "../output.ts";
import { attachmentsOf, type ListedAttachment } from "./attachments.ts";
import { attachedDocument } from "./list.ts";

/** Prints all attachments of the node. */
export const showAttachments: Command = {
  name: "attachments show",
  summary: "Shows which container has which VF, according to the records",
  options: [jsonOption],
  run({ options }: CommandCall): number {
    const attached = attachmentsOf(linuxContext().node);
    if (options.has("json")) printJson(attached.map(attachedDocument));
    else if (attached.length === 0) printLine("Nothing is attached.");
    else printLine(formatTable([HEADING, ...attached.map(row)]));
    return 0;
  },
};

const HEADING = ["CONTAINER", "INTERFACE", "POD", "NETWORK", "VF", "SINCE", "CONDITION"];

function row({ name, path, pod, network, pci, since, condition }: ListedAttachment): string[] {
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
