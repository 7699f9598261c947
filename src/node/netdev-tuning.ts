/**
 * Settings of a netdev that rtnetlink does not report, each as "name=value". They move along with the netdev.
 *
 * - Settings of ethtool, such as "features": CAP_NET_ADMIN suffices to change them. Their values in a new netdev are not
 *   known, so they are never left out.
 * - Files of sysfs, by their paths below the netdev: NAPI, RPS, XPS and limits of queues. A container can change them if
 *   its /sys is writable. A file that has the value of a new netdev is left out.
 */
export type NetdevTuning = readonly string[];

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

/** Returns the entry of a setting; none if the setting has the value of a new netdev. */
export function tuningEntry(name: string, value: string): NetdevTuning {
  // A mask of more than 32 processors has several words, "00000000,00000000".
  const short = /^[0,]+$/.test(value) ? "0" : value;
  return short === initialValue(name) ? [] : [`${name}=${value}`];
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
  const added = now.flatMap((entry) => {
    const [name] = partsOf(entry);
    const initial = hasSetting(originals, name) ? undefined : initialValue(name);
    return initial === undefined ? [] : [`${name}=${initial}`];
  });
  return [...originals.filter((entry) => !now.includes(entry)), ...added];
}

/** Reports whether a tuning has an entry for a setting. */
export function hasSetting(tuning: NetdevTuning, name: string): boolean {
  return tuning.some((entry) => entry.startsWith(`${name}=`));
}

function initialValue(name: string): string | undefined {
  return INITIAL[name.slice(name.lastIndexOf("/") + 1)];
}
