import type { CliContext } from "../context.ts";
import { shellWord } from "../run-script.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, skipped, warning } from "./finding.ts";
import { modeAfterReboot } from "./inputs/modprobe.ts";
import type { Network } from "./inputs/networks.ts";
import { listed } from "./shell.ts";

/** A limit of both changes: rdma_compatdev_set of drivers/infiniband/core/device.c. */
const FAILS_WITH_OTHER_NETNS = "fails with EBUSY while any other network namespace exists";
const EXCLUSIVE = "rdma system set netns exclusive";

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
  const wanted = isExclusive || isolating.length > 0;
  return [...use, ...afterReboot(context, isExclusive, wanted)];
}

function afterReboot(machine: CliContext, isExclusive: boolean, wanted: boolean): Finding[] {
  const now = modeText(isExclusive);
  const configured = modeAfterReboot(machine);
  if (configured === undefined)
    return skipped(
      "rdma-mode-unknown",
      `RDMA devices are ${now}; the mode after a reboot cannot be seen from here`,
    );
  const { isExclusive: later, file } = configured;
  if (later === isExclusive && later === wanted)
    return ok("rdma-mode-ok", `RDMA devices are ${now}, also after a reboot`);
  const found = `RDMA devices are ${now}, after a reboot ${modeText(later)}${file === undefined ? "" : ` (${file})`}`;
  if (later)
    return warning("rdma-mode-at-boot", found, { command: EXCLUSIVE, advice: FAILS_WITH_OTHER_NETNS });
  if (file === "/proc/cmdline")
    return warning("rdma-mode-at-boot", found, {
      advice: "remove ib_core.netns_mode from the kernel's command line",
    });
  return warning("rdma-mode-at-boot", found, {
    command:
      file === undefined
        ? 'echo "options ib_core netns_mode=0" >/etc/modprobe.d/ib_core.conf'
        : `sed -i 's/\\(netns_mode=\\)[^ ]*/\\10/g' ${shellWord(file)}`,
    advice: "if the initramfs loads ib_core, rebuild it (update-initramfs -u, dracut -f)",
  });
}

function modeText(isExclusive: boolean): string {
  return isExclusive ? "exclusive" : "shared";
}

function namesOf(networks: readonly Network[]): string {
  return listed(networks.map(({ name, file }) => `${name} (${file})`));
}
