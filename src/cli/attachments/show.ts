import { formatTime } from "../../log/format-time.ts";
import type { Command, CommandCall } from "../command.ts";
import { linuxContext } from "../context.ts";
import { type Column, listingOptions, printListing, tablesText } from "../output/listing.ts";
import { attachmentDocument } from "./attachment-text.ts";
import { attachmentsOf, type ListedAttachment } from "./attachments.ts";
import { CONTAINER_DETAILS, labelOf, requireMatches } from "./select.ts";

/** Prints all attachments of the node. */
export const showAttachments: Command = {
  name: "attachments show",
  alias: "attachments",
  parameters: ["[CONTAINER]"],
  summary: "Shows which container has which VF, according to the records",
  details: CONTAINER_DETAILS,
  options: listingOptions,
  run(call: CommandCall): number {
    const all = attachmentsOf(linuxContext().node);
    const [container] = call.words;
    const attached = container === undefined ? all : requireMatches(all, container);
    const tables = [{ columns: COLUMNS, rows: attached.map(row) }];
    printListing(call, {
      document: { attachments: attached.map(attachmentDocument) },
      names: attached.map(labelOf),
      text: (style) => (attached.length === 0 ? "Nothing is attached." : tablesText(tables, style)),
    });
    return 0;
  },
};

const COLUMNS: readonly Column[] = [
  ...["CONTAINER", "INTERFACE", "POD", "NETWORK", "VF", "SINCE", "CONDITION"].map((heading) => ({ heading })),
  ...["NETNS", "RECORD"].map((heading) => ({ heading, isWide: true })),
];

function row({ name, path, pod, network, pci, since, condition, netns }: ListedAttachment): string[] {
  return [
    name?.containerId ?? path,
    name?.ifname ?? "",
    pod ?? "",
    network ?? "",
    pci ?? "",
    since === undefined ? "" : formatTime(since),
    condition,
    netns ?? "",
    path,
  ];
}
