import type { CliContext } from "../context.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, unknown, warning } from "./finding.ts";
import { modeAfterReboot } from "./modprobe.ts";
import type { Network } from "./networks.ts";
import { listed, shellWord } from "./shell.ts";

/** Of either change: rdma_compatdev_set of drivers/infiniband/core/device.c. */
const WHILE_NONE = "EBUSY as long as there is any other network namespace";
const EXCLUSIVE = "rdma system set netns exclusive";

/** To which namespaces RDMA devices belong: now, after a reboot, and as the networks want it. */
export function rdmaMode(patient: DoctorContext): Finding[] {
  const { networks } = patient.networks;
  const isExclusive = patient.node.rdma.isExclusive();
  const isolating = networks.filter(({ document }) => document.rdmaIsolation === true);
  // A virtual machine gets the VF whole.
  const others = networks.filter(
    ({ document }) => document.rdmaIsolation !== true && document.vfioPciMode !== true,
  );
  const now = modeText(isExclusive);
  const use =
    isolating.length > 0 && !isExclusive
      ? error(`${namesOf(isolating)} with rdmaIsolation, and RDMA devices are ${now}`, {
          command: EXCLUSIVE,
          advice: `${WHILE_NONE}; then after a reboot`,
        })
      : isExclusive && others.length > 0
        ? warning(
            `${namesOf(others)} without rdmaIsolation, and RDMA devices are ${now}: pods have IPoIB only`,
            {
              advice: `set "rdmaIsolation": true there, or: rdma system set netns shared (${WHILE_NONE})`,
            },
          )
        : [];
  const wanted = isExclusive || isolating.length > 0;
  return [...use, ...afterReboot(patient, isExclusive, wanted)];
}

function afterReboot(machine: CliContext, isExclusive: boolean, wanted: boolean): Finding[] {
  const now = modeText(isExclusive);
  const configured = modeAfterReboot(machine);
  if (configured === undefined)
    return unknown(`${now}; what they are after a reboot cannot be seen from here`);
  const { isExclusive: later, file } = configured;
  if (later === isExclusive && later === wanted) return ok(`${now}, also after a reboot`);
  const found = `${now}, after a reboot ${modeText(later)}${file === undefined ? "" : ` (${file})`}`;
  if (later) return warning(found, { command: EXCLUSIVE, advice: WHILE_NONE });
  if (file === "/proc/cmdline")
    return warning(found, { advice: "take ib_core.netns_mode out of the kernel's command line" });
  return warning(found, {
    command:
      file === undefined
        ? 'echo "options ib_core netns_mode=0" >/etc/modprobe.d/ib_core.conf'
        : `sed -i 's/\\(netns_mode=\\)[^ ]*/\\10/g' ${shellWord(file)}`,
    advice: "where the initramfs loads ib_core, make it anew (update-initramfs -u, dracut -f)",
  });
}

function modeText(isExclusive: boolean): string {
  return isExclusive ? "exclusive" : "shared";
}

function namesOf(networks: readonly Network[]): string {
  return listed(networks.map(({ name, file }) => `${name} (${file})`));
}
