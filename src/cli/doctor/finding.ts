/**
 * The kinds of findings. Scripts and documents use these names, so a name never changes its meaning;
 * docs/reference/findings.md describes each.
 */
export type FindingId =
  | "kernel-ok"
  | "kernel-too-old"
  | "kernel-no-uverbs"
  | "sysfs-read-only"
  | "pf-ok"
  | "pf-none"
  | "pf-no-ipoib"
  | "pf-no-driver"
  | "pf-no-rdma"
  | "pf-vfio"
  | "pf-no-netdev"
  | "pf-netdev-away"
  | "pf-sriov-off"
  | "pf-no-vfs"
  | "pf-port-down"
  | "pf-no-sm"
  | "devices-unreadable"
  | "vf-ok"
  | "vf-unchecked"
  | "vf-no-driver"
  | "vf-no-netdev"
  | "vf-netdev-away"
  | "vf-locked"
  | "node-locked"
  | "lock-file"
  | "vf-refused"
  | "vf-link-disabled"
  | "vf-link-unknown"
  | "vf-port-down"
  | "vf-mtu"
  | "pod-no-interface"
  | "pod-no-device-files"
  | "guid-ok"
  | "guid-none"
  | "guid-missing"
  | "guid-all-ones"
  | "guid-not-in-effect"
  | "guid-duplicate"
  | "guid-left"
  | "guid-unknown"
  | "rdma-mode-ok"
  | "rdma-mode-shared"
  | "rdma-mode-exclusive"
  | "rdma-mode-at-boot"
  | "rdma-mode-unknown"
  | "udev-ok"
  | "udev-guid-names"
  | "udev-unknown"
  | "plugin-ok"
  | "plugin-missing"
  | "plugin-broken"
  | "network-ok"
  | "network-none"
  | "network-json"
  | "network-invalid"
  | "network-key"
  | "network-mtu"
  | "network-rdma-cni"
  | "network-rdma-only"
  | "network-order"
  | "ipam-missing"
  | "ipam-broken"
  | "ipam-hangs"
  | "ipam-version"
  | "ipam-exhausted"
  | "state-ok"
  | "state-not-writable"
  | "state-untrusted"
  | "records-ok"
  | "records-unreadable"
  | "record-left"
  | "record-unreadable"
  | "record-go-plugin"
  | "lease-unreleased"
  | "vf-destroyed"
  | "check-failed";

/**
 * Severity of a finding.
 * - "ok": nothing needs to be fixed.
 * - "warning": pods can be attached, but something will fail later.
 * - "error": a pod cannot be attached, or its network does not work.
 * - "skipped": a check was not possible; the text contains the reason.
 */
export type Level = "ok" | "warning" | "error" | "skipped";

/** The way to fix a problem. */
export interface Remedy {
  /** The command that fixes it, complete, for a root shell. Each of its lines is a command. */
  readonly command?: string | undefined;
  /** Further steps and information, or the steps to take if no command fixes it. */
  readonly advice?: string | undefined;
  /** The same remedy for `doctor --fix`; `undefined` if it must be a decision of the administrator. */
  readonly fix?: SafeFix | undefined;
}

/** A remedy that is safe: `doctor --fix` carries it out, and it never affects a running pod. */
export type SafeFix =
  | { readonly kind: "bind" | "provision"; readonly vfs: readonly string[] }
  | { readonly kind: "load module"; readonly module: string }
  | { readonly kind: "gc" };

/** A result of a check, and the way to fix it. */
export interface Finding extends Remedy {
  readonly id: FindingId;
  readonly level: Level;
  readonly found: string;
}

/** {@link warning} or {@link error}: a function that returns a problem. */
export type ReportProblem = (id: FindingId, found: string, remedy?: Remedy) => Finding[];

/** Returns a finding without a problem. */
export function ok(id: FindingId, found: string): Finding[] {
  return [{ id, level: "ok", found }];
}

/** Returns a problem that will cause a failure later. */
export function warning(id: FindingId, found: string, remedy: Remedy = {}): Finding[] {
  return [{ id, level: "warning", found, ...remedy }];
}

/** Returns a problem that prevents a pod from being attached, or its network from working. */
export function error(id: FindingId, found: string, remedy: Remedy = {}): Finding[] {
  return [{ id, level: "error", found, ...remedy }];
}

/** Returns a finding about a check whose inputs are missing, for lack of permission, in a container, or otherwise. */
export function skipped(id: FindingId, found: string): Finding[] {
  return [{ id, level: "skipped", found }];
}
