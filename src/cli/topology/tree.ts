import { getenv } from "host";
import { printable } from "../../log/printable.ts";
import { attachmentText } from "../attachments/attachment-text.ts";
import type { InventoriedPf } from "../inventory.ts";
import { colorize, formatTable } from "../output/text.ts";
import { DISTANCES } from "./distance.ts";
import type { NearGpu } from "./gpus.ts";

/** A line of a tree, and the lines below it. */
interface Branch {
  readonly text: string;
  readonly children: readonly Branch[];
}

/** The characters that draw a tree. Each has the width of {@link ASCII}'s. */
interface Lines {
  readonly child: string;
  readonly last: string;
  readonly beside: string;
}

const BOX_DRAWING: Lines = { child: "├─ ", last: "└─ ", beside: "│  " };
const ASCII: Lines = { child: "|- ", last: "`- ", beside: "|  " };

/**
 * Formats PFs, their VFs and the pods that have them as a tree, with the distance of each PF to the GPUs.
 * @param gpus the GPUs as each PF sees them.
 */
export function treeText(
  pfs: readonly InventoriedPf[],
  gpus: ReadonlyMap<string, readonly NearGpu[]>,
  { hasLegend }: { readonly hasLegend: boolean },
): string {
  const lines = hasBoxDrawing() ? BOX_DRAWING : ASCII;
  const trees = pfs.map((pf) => {
    const { text, children } = pfBranch(pf, gpus.get(pf.pci) ?? []);
    return [colorize("heading", printable(text)), ...drawn(children, lines)].join("\n");
  });
  const hasGpus = [...gpus.values()].some(({ length }) => length > 0);
  return [...trees, ...(hasGpus && hasLegend ? [legend()] : [])].join("\n\n");
}

/** Reports whether the locale's character set has box-drawing characters: locale(7). */
function hasBoxDrawing(): boolean {
  const set = ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => getenv(name) ?? "").find((value) => value !== "");
  return /utf-?8/i.test(set ?? "");
}

function legend(): string {
  const rows = Object.entries(DISTANCES).map(([distance, meaning]) => [distance, meaning]);
  return `Between PF and GPU:\n${formatTable(rows)}`;
}

function pfBranch(pf: InventoriedPf, gpus: readonly NearGpu[]): Branch {
  const { pci, netdev, rdma, numaNode, vfs } = pf;
  const words = [`PF ${pci}`, netdev?.name ?? "", rdma.join(",")].filter((word) => word !== "");
  if (numaNode !== undefined) words.push(`NUMA node ${numaNode}`);
  const gpuLines = gpus.map((gpu) =>
    `GPU ${gpu.pci}  ${gpu.distance.padEnd(4)}  ${gpu.name ?? ""}`.trimEnd(),
  );
  const vfRows = vfs.map((vf) => [`VF ${vf.pci}`, vf.netdev?.name ?? "", vf.rdma.join(",")]);
  return {
    text: words.join("  "),
    children: [
      ...gpuLines.map((text) => ({ text, children: [] })),
      ...attachmentBranch(pf.attachment),
      ...aligned(vfRows).map((text, i) => ({ text, children: attachmentBranch(vfs[i]?.attachment) })),
    ],
  };
}

function attachmentBranch(attachment: InventoriedPf["attachment"]): Branch[] {
  return attachment === undefined ? [] : [{ text: attachmentText(attachment), children: [] }];
}

/** Returns the lines of a table without headings. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : formatTable(rows).split("\n");
}

function drawn(branches: readonly Branch[], lines: Lines): string[] {
  return branches.flatMap(({ text, children }, i) => {
    const isLast = i === branches.length - 1;
    const below = drawn(children, lines).map((line) => (isLast ? "   " : lines.beside) + line);
    return [(isLast ? lines.last : lines.child) + printable(text), ...below];
  });
}
