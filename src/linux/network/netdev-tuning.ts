import * as host from "host";
import { hasSetting, type NetdevTuning, partsOf, tuningEntry } from "../../node/netdev-tuning.ts";
import { fileName } from "../pci/path.ts";
import { pciSysfsDirectory } from "../pci/sysfs-directory.ts";
import { readAttributes } from "../sysfs.ts";

/**
 * The settings of ethtool, and the commands of linux/ethtool.h that read each. The next number sets it. They are read, and
 * so set, before the files of sysfs: the number of channels decides which queues, and so which files, exist.
 */
const COMMANDS: Readonly<Record<string, number>> = {
  channels: 0x3c,
  rings: 0x10,
  coalesce: 0x0e,
  features: 0x3a,
  // The number of rules by which received packets are steered. It cannot be set: the next command reads a rule.
  rules: 0x2e,
};
/**
 * The number of blocks of 32 features that are read, more than Linux has. Only ETHTOOL_GFEATURES expects a number; the
 * other commands ignore it.
 */
const BLOCKS = 4;
/** The errnos if the driver does not have a setting, or if udev has renamed the netdev. */
const NO_SETTING = ["EOPNOTSUPP", "EINVAL", "ENODEV"];

const NAPI = ["gro_flush_timeout", "napi_defer_hard_irqs", "threaded"];
/** The files of one queue to receive, and of one to send. */
const RECEIVE = ["rps_cpus", "rps_flow_cnt"];
const SEND = ["byte_queue_limits/limit_max", "byte_queue_limits/limit_min", "byte_queue_limits/hold_time"];
/** The processors, and the queues to receive, that use a queue to send. If there is only one, it has no value. */
const SEND_OF_SEVERAL = [...SEND, "xps_cpus", "xps_rxqs"];

/**
 * Reads the tuning of a netdev in the host namespace.
 * @param socket a socket of this namespace.
 * @param queues how many queues the netdev can have. It can use fewer of them.
 * @param known an earlier tuning: of the settings of ethtool, only those that it has are read.
 * @returns `undefined` if the PCI function has no netdev of this name.
 */
export function readTuning(
  socket: number,
  pci: string,
  { name, queues = 1 }: { readonly name: string; readonly queues?: number | undefined },
  known: NetdevTuning | undefined,
): NetdevTuning | undefined {
  const entries: string[] = [];
  for (const setting in COMMANDS) {
    if (known !== undefined && !hasSetting(known, setting)) continue;
    const value = ethtoolSetting(socket, name, setting, COMMANDS[setting]);
    if (value !== undefined) entries.push(`${setting}=${value}`);
  }
  const files = [...NAPI];
  for (let i = 0; i < queues; i++) {
    for (const file of RECEIVE) files.push(`queues/rx-${i}/${file}`);
    for (const file of queues > 1 ? SEND_OF_SEVERAL : SEND) files.push(`queues/tx-${i}/${file}`);
  }
  const values = readAttributes(files.map((file) => netdevFile(pci, name, file)));
  for (const [i, value] of values.entries()) {
    // Every kernel has the first file, so it is missing only if the netdev is.
    if (value !== undefined) entries.push(...tuningEntry(files[i] ?? "", value));
    else if (i === 0) return undefined;
  }
  return entries;
}

/** Sets one setting of a netdev of a PCI function. */
export function writeTuning(socket: number, pci: string, netdev: string, entry: string): void {
  const [name, value] = partsOf(entry);
  const command = COMMANDS[name];
  if (command === undefined) {
    host.writeFile(netdevFile(pci, netdev, name), value);
  } else {
    const words = value.split(",").map((word) => Number(`0x${word}`));
    host.ethtool(socket, netdev, structure(command + 1, ...words));
  }
}

/**
 * Returns the words of the structure that sets a setting to its present value, in hexadecimal digits, without the
 * command. Most settings are read and set with the same structure.
 */
function ethtoolSetting(socket: number, netdev: string, setting: string, get = 0): string | undefined {
  const answer = host.ethtool(socket, netdev, structure(get, BLOCKS), NO_SETTING);
  if (answer === undefined) return undefined;
  const words = [...new Uint32Array(answer.buffer, answer.byteOffset).subarray(1)].filter(
    // The answer has, for each block, which features can be changed, are requested, are active, and never change. To set
    // them, the first two are needed.
    (_, i) => setting !== "features" || i === 0 || (i - 1) % 4 < 2,
  );
  while (words.at(-1) === 0) words.pop();
  return words.map((word) => word.toString(16)).join();
}

function structure(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.of(...words).buffer);
}

/** Returns the path of a file of a netdev in the host namespace, below its function. */
function netdevFile(pci: string, netdev: string, file: string): string {
  return `${pciSysfsDirectory(pci)}/net/${fileName(netdev)}/${file}`;
}
