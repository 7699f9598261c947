/**
 * How the kernel polls a netdev for packets (NAPI), as sysfs alone shows and sets it, in its spelling: decimal numbers. A
 * container can change it where its /sys is writable, and it moves along with the netdev. A member is undefined if the
 * kernel does not have it.
 */
export interface NapiSettings {
  /** gro_flush_timeout, ns. */
  readonly groFlushTimeout: string;
  /** napi_defer_hard_irqs: how many empty polls until the interrupt is enabled again; Linux 5.8 and later. */
  readonly napiDeferHardIrqs?: string | undefined;
  /** 1 if the netdev is polled in kernel threads of its own; Linux 5.12 and later. */
  readonly threaded?: string | undefined;
}

/** The settings of a netdev that was just made. */
export const INITIAL_NAPI_SETTINGS: NapiSettings = {
  groFlushTimeout: "0",
  napiDeferHardIrqs: "0",
  threaded: "0",
};

/** Returns the originals that `now` differs from. What either side does not know is no difference. */
export function changedNapiSettings(now: NapiSettings, originals: NapiSettings): Partial<NapiSettings> {
  const isChanged = (name: keyof NapiSettings) =>
    now[name] !== undefined && originals[name] !== undefined && now[name] !== originals[name];
  const entries = Object.entries(originals).filter(([name]) => isChanged(name as keyof NapiSettings));
  return Object.fromEntries(entries) as Partial<NapiSettings>;
}
