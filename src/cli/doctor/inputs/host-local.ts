import { isObject, type JsonObject } from "../../../cni/document.ts";
import { type Address, parseAddress, parseCidr } from "../../../ip/address.ts";
import type { Files } from "../../../node/files.ts";

/** The directory of leases by default (plugins/ipam/host-local/backend/disk of containernetworking/plugins). */
const DATA_DIRECTORY = "/var/lib/cni/networks";

/** A set of ranges without a free address. */
interface FullRange {
  /** E.g. "10.1.0.0/24", or "10.1.0.5 to 10.1.0.9". */
  readonly range: string;
  /** The directory of the leases, in which each file is named after its address. */
  readonly directory: string;
}

/** The first and the last address of a range, and the gateway, which host-local does not hand out. */
interface Range {
  readonly text: string;
  readonly first: number;
  readonly last: number;
  readonly gateway: number;
  /** All bytes but the last four. */
  readonly network: string;
}

/** Returns the sets of ranges of host-local that have no free address; none for another plugin, or invalid ranges. */
export function fullRanges(files: Files, network: string, ipam: unknown): FullRange[] {
  if (!isObject(ipam) || ipam.type !== "host-local") return [];
  const parent = typeof ipam.dataDir === "string" && ipam.dataDir !== "" ? ipam.dataDir : DATA_DIRECTORY;
  const directory = `${parent}/${network}`;
  const leases = files.list(directory).flatMap((name) => parseAddress(name) ?? []);
  return setsIn(ipam).flatMap((set) => {
    const ranges = set.map(rangeIn);
    if (ranges.length === 0 || ranges.some((range) => range === undefined || freeIn(range, leases) > 0))
      return [];
    return { range: ranges.map((range) => range?.text).join(", "), directory };
  });
}

/** Returns the sets of ranges: a container gets one address of each set. */
function setsIn(ipam: JsonObject): JsonObject[][] {
  const { ranges } = ipam;
  const sets = Array.isArray(ranges)
    ? ranges.map((set) => (Array.isArray(set) ? set.filter(isObject) : []))
    : [];
  return typeof ipam.subnet === "string" ? [[ipam], ...sets] : sets;
}

/** Returns a range as host-local completes it (backend/allocator/range.go); `undefined` if it is invalid or huge. */
function rangeIn({ subnet, rangeStart, rangeEnd, gateway }: JsonObject): Range | undefined {
  const cidr = typeof subnet === "string" ? parseCidr(subnet) : undefined;
  const bits = cidr === undefined ? 0 : cidr.bytes.length * 8 - cidr.prefix;
  if (cidr === undefined || bits > 24 || bits < 2) return undefined;
  const size = 2 ** bits;
  const start = Math.floor(lastFour(cidr) / size) * size;
  const given = (value: unknown) => (typeof value === "string" ? parseAddress(value) : undefined);
  const [from, to, via] = [given(rangeStart), given(rangeEnd), given(gateway)];
  return {
    text:
      from === undefined && to === undefined
        ? cidr.text
        : `${from?.text ?? cidr.text} to ${to?.text ?? cidr.text}`,
    first: from === undefined ? start + 1 : lastFour(from),
    // The last address of an IPv4 subnet is that of broadcasts.
    last: to === undefined ? start + size - (cidr.family === 4 ? 2 : 1) : lastFour(to),
    gateway: via === undefined ? start + 1 : lastFour(via),
    network: networkOf(cidr),
  };
}

function freeIn({ first, last, gateway, network }: Range, leases: readonly Address[]): number {
  const isIn = (address: number) => address >= first && address <= last;
  const taken = leases.filter((lease) => networkOf(lease) === network).map(lastFour);
  return last - first + 1 - new Set([...taken, gateway].filter(isIn)).size;
}

function lastFour({ bytes }: Pick<Address, "bytes">): number {
  return bytes.slice(-4).reduce((number, byte) => number * 256 + byte, 0);
}

function networkOf({ bytes }: Pick<Address, "bytes">): string {
  return bytes.slice(0, -4).join(".");
}
