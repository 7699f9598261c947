import { baseName } from "../../node/path.ts";
import type { CliContext } from "../context.ts";
import { shellWord } from "../run-script.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, skipped, warning } from "./finding.ts";
import { modeAfterReboot } from "./inputs/modprobe.ts";
import type { Network } from "./inputs/networks.ts";
import { listed } from "./shell.ts";

/** A limit of both changes: rdma_compatdev_set of drivers/infiniband/core/device.c. */
const FAILS_WITH_OTHER_NETNS = "fails with EBUSY while any other network namespace exists";
const EXCLUSIVE = "rdma system set netns exclusive";
const MODPROBE = "/etc/modprobe.d";
const OPTION = "options ib_core netns_mode=0";

/** Checks the mode of RDMA devices: now, after a reboot, and as the networks require it. */
export function rdmaMode(context: DoctorContext): Finding[] {
  const { networks } = context.networks;
  const isExclusive = context.node.rdma.isExclusive();
  const isolating = networks.filter(({ document }) => document.rdmaIsolation === true);
  // A VF of a virtual machine has no RDMA device on the host.
  const others = networks.filter(
    ({ document }) => document.rdmaIsolation !== true && document.vfioPciMode !== true,
  );
  const now = modeText(isExclusive);
  const use =
    isolating.length > 0 && !isExclusive
      ? error(
          "rdma-mode-shared",
          `${namesOf(isolating)}: rdmaIsolation is set, but RDMA devices are ${now}`,
          {
            command: EXCLUSIVE,
            advice: `${FAILS_WITH_OTHER_NETNS}; in that case reboot with the mode below`,
          },
        )
      : isExclusive && others.length > 0
        ? warning(
            "rdma-mode-exclusive",
            `${namesOf(others)}: rdmaIsolation is not set, but RDMA devices are ${now}: pods have only IPoIB`,
            {
              advice: `set "rdmaIsolation": true, or run: rdma system set netns shared (${FAILS_WITH_OTHER_NETNS})`,
            },
          )
        : [];
  return [...use, ...afterReboot(context, isExclusive, isolating.length > 0)];
}

/** Checks the mode after a reboot. @param isNeeded whether a network of this node needs the exclusive mode. */
function afterReboot(machine: CliContext, isExclusive: boolean, isNeeded: boolean): Finding[] {
  const now = modeText(isExclusive);
  const configured = modeAfterReboot(machine);
  if (configured === undefined)
    return skipped(
      "rdma-mode-unknown",
      `RDMA devices are ${now}; the mode after a reboot cannot be seen from here`,
    );
  const { isExclusive: later, file } = configured;
  if (later === isExclusive && later === (isExclusive || isNeeded))
    return ok("rdma-mode-ok", `RDMA devices are ${now}, also after a reboot`);
  const found = `RDMA devices are ${now}, after a reboot ${modeText(later)}${file === undefined ? "" : ` (${file})`}`;
  const finding = (remedy: Remedy) => warning("rdma-mode-at-boot", found, remedy);
  if (later && isNeeded) return finding({ command: EXCLUSIVE, advice: FAILS_WITH_OTHER_NETNS });
  // Pods of networks without rdmaIsolation would have no RDMA then.
  if (later)
    return finding({
      advice: `remove netns_mode from ${file}, or set "rdmaIsolation": true in all networks`,
    });
  if (file === "/proc/cmdline")
    return finding({ advice: "remove ib_core.netns_mode from the kernel's command line" });
  const command = exclusiveAtBoot(file);
  const initramfs = "if the initramfs loads ib_core, rebuild it (update-initramfs -u, dracut -f)";
  return isNeeded
    ? finding({ command, advice: initramfs })
    : finding({ advice: `if the exclusive mode is to stay: ${command}; ${initramfs}` });
}

/**
 * Returns the command that makes the exclusive mode permanent. It adds a line, and keeps all others: the last value
 * counts. A file of the distribution is replaced by a copy.
 * @param file the file that sets another mode.
 */
function exclusiveAtBoot(file: string | undefined): string {
  if (file === undefined) return `echo "${OPTION}" >>${MODPROBE}/ib-sriov.conf`;
  // The last line of the file may not end with a newline.
  const line = `printf '\\n${OPTION}\\n'`;
  const own = `${MODPROBE}/${baseName(file)}`;
  if (file === own) return `${line} >>${shellWord(own)}`;
  return `{ cat ${shellWord(file)}; ${line}; } >${shellWord(own)}`;
}

function modeText(isExclusive: boolean): string {
  return isExclusive ? "exclusive" : "shared";
}

function namesOf(networks: readonly Network[]): string {
  return listed(networks.map(({ name, file }) => `${name} (${file})`));
}
