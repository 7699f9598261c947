import * as host from "host";
import { DRIVER_SETTINGS, fileEntry, type NetdevTuning, partsOf } from "../../node/netdev-tuning.ts";
import { fileName } from "../pci/path.ts";
import { pciSysfsDirectory } from "../pci/sysfs-directory.ts";
import { readAttributes } from "../sysfs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";

/** Commands of linux/ethtool.h that read and set each of {@link DRIVER_SETTINGS}; 0 if a number cannot be set. */
const COMMANDS: Readonly<Record<string, readonly [get: number, set: number]>> = {
  features: [0x3a, 0x3b],
  coalesce: [0x0e, 0x0f],
  rings: [0x10, 0x11],
  channels: [0x3c, 0x3d],
  // The number of rules by which received packets are steered (ETHTOOL_GRXCLSRLCNT).
  rules: [0x2e, 0],
};
/** Length of the longest structure of these commands, struct ethtool_rxnfc, rounded up, in words. */
const WORDS = 64;
/** The most blocks of 32 features that are read. Linux 6.12 has two. */
const BLOCKS = 4;
/** The words of a block in struct ethtool_gfeatures: available, requested, active, never changed. */
const BLOCK = 4;
/** The errnos of a driver that has no such setting. */
const NO_SETTING = ["EOPNOTSUPP", "EINVAL"];

const NAPI = ["gro_flush_timeout", "napi_defer_hard_irqs", "threaded"];
/** The files of one queue to receive, and of one to send. */
const RECEIVE = ["rps_cpus", "rps_flow_cnt"];
const SEND = ["limit_max", "limit_min", "hold_time"].map((name) => `byte_queue_limits/${name}`);
/** Which processors and which queues to receive use a queue to send. The kernel has no value if there is only one. */
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
  const directory = netdevDirectory(pci, name);
  const files = [...NAPI];
  const send = queues > 1 ? SEND_OF_SEVERAL : SEND;
  for (let i = 0; i < queues; i++) {
    files.push(
      ...RECEIVE.map((file) => `queues/rx-${i}/${file}`),
      ...send.map((file) => `queues/tx-${i}/${file}`),
    );
  }
  const values = readAttributes(files.map((file) => `${directory}/${file}`));
  // Every kernel has the first file, so it is missing only if the netdev is.
  if (values[0] === undefined) return undefined;
  const entries = files.flatMap((file, i) => {
    const value = values[i];
    return value === undefined ? [] : fileEntry(file, value);
  });
  const names = DRIVER_SETTINGS.filter(
    (setting) => known?.some((entry) => partsOf(entry)[0] === setting) ?? true,
  );
  for (const setting of names) {
    const value = driverSetting(socket, name, setting);
    if (value !== undefined) entries.push(`${setting}=${value}`);
  }
  return entries;
}

/** Sets the given settings of a netdev of a PCI function. */
export function writeTuning(socket: number, pci: string, netdev: string, changed: NetdevTuning): void {
  for (const entry of changed) {
    const [name, value] = partsOf(entry);
    if (name in COMMANDS) setDriverSetting(socket, netdev, name, numbersIn(value));
    else host.writeFile(`${netdevDirectory(pci, netdev)}/${name}`, value);
  }
}

/** Returns the numbers of a setting; `undefined` if the driver does not have it, or udev has renamed the netdev. */
function driverSetting(socket: number, netdev: string, setting: string): string | undefined {
  const words = valueUnlessErrno([...NO_SETTING, "ENODEV"], undefined, () => get(socket, netdev, setting));
  if (words === undefined) return undefined;
  const numbers =
    setting === "features" ? blocksOf(words).map(([, requested]) => requested) : [...words.slice(1)];
  while (numbers.at(-1) === 0) numbers.pop();
  return numbers.map((number) => number?.toString(16)).join();
}

function setDriverSetting(socket: number, netdev: string, setting: string, numbers: readonly number[]): void {
  const [, command = 0] = COMMANDS[setting] ?? [];
  if (setting !== "features") return void host.ethtool(socket, netdev, request(command, ...numbers));
  // struct ethtool_sfeatures has a mask and the values for each block.
  const blocks = blocksOf(get(socket, netdev, setting));
  const changes = blocks.flatMap(([available = 0, requested = 0], i) => {
    const wanted = numbers[i] ?? 0;
    return [(requested ^ wanted) & available, wanted];
  });
  host.ethtool(socket, netdev, request(command, blocks.length, ...changes));
}

function get(socket: number, netdev: string, setting: string): Uint32Array {
  const [command = 0] = COMMANDS[setting] ?? [];
  const answer = host.ethtool(socket, netdev, request(command, setting === "features" ? BLOCKS : 0));
  return new Uint32Array(answer.buffer, answer.byteOffset, WORDS);
}

function request(...words: number[]): Uint8Array {
  const bytes = new Uint32Array(WORDS);
  bytes.set(words);
  return new Uint8Array(bytes.buffer);
}

/** Returns the blocks of struct ethtool_gfeatures, which begins with the command and the number of blocks. */
function blocksOf(words: Uint32Array): Uint32Array[] {
  const count = Math.min(words[1] ?? 0, BLOCKS);
  return Array.from({ length: count }, (_, i) => words.subarray(2 + BLOCK * i, 2 + BLOCK * (i + 1)));
}

function numbersIn(value: string): number[] {
  return value === "" ? [] : value.split(",").map((number) => Number.parseInt(number, 16));
}

/** Returns the directory of a netdev in the host namespace, below that of its function. */
function netdevDirectory(pci: string, netdev: string): string {
  return `${pciSysfsDirectory(pci)}/net/${fileName(netdev)}`;
}
