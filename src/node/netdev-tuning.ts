/**
 * Settings of a netdev that rtnetlink does not report, each as "name=value". They move along with the netdev.
 *
 * - Files of sysfs, by their paths below the netdev: NAPI, RPS, XPS, limits of queues. A container can change them if its
 *   /sys is writable. A file that has the value of a new netdev is left out.
 * - Settings of the driver and the offloads, by the names in {@link DRIVER_SETTINGS}: ethtool. CAP_NET_ADMIN suffices
 *   for them. The value of a new netdev is not known, so they are never left out.
 */
export type NetdevTuning = readonly string[];

/** The names of the settings of ethtool. */
export const DRIVER_SETTINGS = ["features", "coalesce", "rings", "channels", "rules"] as const;

/** The values of a new netdev, by the names of the files. */
const INITIAL: Readonly<Record<string, string>> = {
  gro_flush_timeout: "0",
  napi_defer_hard_irqs: "0",
  threaded: "0",
  rps_cpus: "0",
  rps_flow_cnt: "0",
  limit_min: "0",
  // DQL_MAX_LIMIT of linux/dynamic_queue_limits.h, and ms.
  limit_max: "1879048192",
  hold_time: "1000",
};

/** Returns an entry of a tuning for a file of sysfs; an empty list if the value is that of a new netdev. */
export function fileEntry(file: string, value: string): NetdevTuning {
  // A mask of more than 32 processors has several words, "00000000,00000000".
  const isInitial = (/^[0,]+$/.test(value) ? "0" : value) === initialValue(file);
  return isInitial ? [] : [`${file}=${value}`];
}

/** Returns the name and the value of an entry. */
export function partsOf(entry: string): readonly [name: string, value: string] {
  const end = entry.indexOf("=");
  return [entry.slice(0, end), entry.slice(end + 1)];
}

/**
 * Returns the originals of everything in which `now` differs from `originals`. A setting that the originals lack had the
 * value of a new netdev. If that is not known, the setting is left out.
 */
export function changedTuning(now: NetdevTuning, originals: NetdevTuning): NetdevTuning {
  const names = originals.map((entry) => partsOf(entry)[0]);
  const added = now.map((entry) => partsOf(entry)[0]).filter((name) => !names.includes(name));
  return [
    ...originals.filter((entry) => !now.includes(entry)),
    ...added.flatMap((name) => (initialValue(name) === undefined ? [] : [`${name}=${initialValue(name)}`])),
  ];
}

function initialValue(file: string): string | undefined {
  return INITIAL[file.slice(file.lastIndexOf("/") + 1)];
}
