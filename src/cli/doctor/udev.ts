import { shellWord } from "../../attachment/shell-word.ts";
import { isUdevRunning } from "../../attachment/vf/udev.ts";
import type { CliContext } from "../context.ts";
import { type Finding, ok, skipped, warning } from "./finding.ts";
import { configurationFiles } from "./inputs/configuration-files.ts";

/** The file of rdma-core. */
const RULES = "60-rdma-persistent-naming.rules";

/** Checks how udev names RDMA devices. */
export function rdmaNaming(machine: CliContext): Finding[] {
  const files = configurationFiles(machine, "udev/rules.d", RULES);
  if (files === undefined) return skipped("udev-unknown", "the rules of udev cannot be seen from here");
  const [file] = files;
  const rules = file === undefined ? "" : (machine.inventory.text(file) ?? "");
  const [, mode] = /^[^#\n]*rdma_rename\s+\S+\s+(NAME_\w+)/m.exec(rules) ?? [];
  if (file === undefined || mode === undefined || !isUdevRunning(machine.node))
    return ok("udev-ok", "RDMA devices have the kernel's names, which come back after a rebind");
  if (mode !== "NAME_GUID") return ok("udev-ok", `RDMA devices have names by ${mode} (${file})`);
  const own = `/etc/udev/rules.d/${RULES}`;
  // The comments of the file explain all modes.
  const edit = `'/^ *#/!s/${mode}/NAME_PCI/'`;
  return warning(
    "udev-guid-names",
    `RDMA devices have names by ${mode} (${file}): by a GUID that all functions of an HCA share`,
    {
      command: file === own ? `sed -i ${edit} ${own}` : `sed ${edit} ${shellWord(file)} >${own}`,
      advice:
        "it takes effect for new devices: settings with the present names, such as NCCL_IB_HCA, must follow",
    },
  );
}
