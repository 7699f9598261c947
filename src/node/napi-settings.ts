/**
 * Settings of the kernel's packet polling of a netdev (NAPI), which only sysfs shows and sets, as decimal numbers. A
 * container can change them if its /sys is writable, and they move along with the netdev. A member is `undefined` if
 * the kernel does not have it.
 */
export interface NapiSettings {
  /** gro_flush_timeout, ns. */
  readonly groFlushTimeout: string;
  /** napi_defer_hard_irqs: number of empty polls before the interrupt is enabled again; Linux 5.8 and later. */
  readonly napiDeferHardIrqs?: string | undefined;
  /** 1 if separate kernel threads poll the netdev; Linux 5.12 and later. */
  readonly threaded?: string | undefined;
}

/** The settings of a new netdev. */
export const INITIAL_NAPI_SETTINGS: NapiSettings = {
  groFlushTimeout: "0",
  napiDeferHardIrqs: "0",
  threaded: "0",
};

/** Returns the originals that differ from `now`. A member that is undefined on either side is skipped. */
export function changedNapiSettings(now: NapiSettings, originals: NapiSettings): Partial<NapiSettings> {
  const isChanged = (name: keyof NapiSettings) =>
    now[name] !== undefined && originals[name] !== undefined && now[name] !== originals[name];
  const entries = Object.entries(originals).filter(([name]) => isChanged(name as keyof NapiSettings));
  return Object.fromEntries(entries) as Partial<NapiSettings>;
}
