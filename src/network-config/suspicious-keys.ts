import { settings } from "../attachment/record/desired.ts";
import { isObject, type JsonObject } from "../cni/document.ts";

/** The keys of a network that are known: those that this plugin reads, and `capabilities`, which only the runtime reads. */
export const KEYS: readonly string[] = [
  ...["cniVersion", "name", "type", "deviceID", "guid", "ipam", "dns", "ibKubernetesEnabled"],
  ...["timeoutSeconds", "logLevel", "logFile", "rdmaOnly", "vfioPciMode"],
  ...["capabilities", "runtimeConfig", "args", "prevResult"],
  ...Object.values(settings).flatMap(({ keys }) => keys),
];

/** These keys, and those that runtimes and Multus add. */
const known: Readonly<Record<string, true>> = Object.fromEntries(
  [...KEYS, "pciBusID", "cniVersions", "cni.dev/valid-attachments", "cni.dev/attachments"].map((key) => [
    key,
    true,
  ]),
);

/** The capabilities whose values this plugin reads. A runtime compares their names exactly. */
const CAPABILITIES = ["infinibandGUID", "CNIDeviceInfoFile"];

/**
 * Adds a warning for each key of a network that is probably a misspelled other key, and for each request that an
 * InfiniBand interface cannot fulfill. ADD ignores these keys.
 */
export function warnOfSuspiciousKeys(network: JsonObject, warnings: string[]): void {
  for (const key in network) {
    // A known key needs no further check. Each ADD runs this loop, so it must be fast.
    if (known[key] === undefined) warnings.push(...aboutKey(key));
  }
  const { capabilities, runtimeConfig } = network;
  if (isObject(capabilities)) {
    for (const key in capabilities) if (!CAPABILITIES.includes(key)) warnings.push(...aboutCapability(key));
  }
  const mac = isObject(runtimeConfig) ? runtimeConfig.mac : undefined;
  if (mac !== undefined && mac !== null && mac !== "") {
    warnings.push(
      "network configuration: runtimeConfig.mac is ignored: an InfiniBand interface has no MAC address; use guid or runtimeConfig.infinibandGUID",
    );
  }
}

function aboutKey(key: string): string[] {
  // Go ignores the case of keys, and so does this plugin.
  const same = KEYS.find((each) => each.toLowerCase() === key.toLowerCase());
  if (same !== undefined) return [`network configuration: key ${key} is read as ${same}; use that spelling`];
  const near = KEYS.find((each) => isNear(plainOf(key), plainOf(each)));
  return near === undefined ? [] : [`network configuration: key ${key} is ignored; use ${near}`];
}

function aboutCapability(key: string): string[] {
  const near = CAPABILITIES.find((each) => isNear(plainOf(key), plainOf(each)));
  return near === undefined
    ? []
    : [`network configuration: capability ${key} is not known to runtimes; use ${near}`];
}

/** Returns a key in lower case and without separators: "link_state", "linkState" and "link-state" become the same. */
function plainOf(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Reports whether a key is an abbreviation of another, or has one letter that is wrong, missing, extra or swapped. */
function isNear(key: string, other: string): boolean {
  if (key === other) return true;
  if (key.length < 4 || other.length < 4) return false;
  if (key.length >= 5 && other.startsWith(key)) return true;
  const most = Math.min(key.length, other.length);
  let start = 0;
  while (start < most && key[start] === other[start]) start++;
  let end = 0;
  while (end < most - start && key.at(-1 - end) === other.at(-1 - end)) end++;
  const left = [key.length - start - end, other.length - start - end];
  const isSwapped = key[start] === other[start + 1] && key[start + 1] === other[start];
  return left.every((each) => each <= 1) || (left.every((each) => each === 2) && isSwapped);
}
