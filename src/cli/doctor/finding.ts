/**
 * The kinds of findings, and the levels that each can have. Scripts and documents use these names, so a name never changes
 * its meaning; docs/reference/findings.md describes each.
 */
export interface FindingLevels {
  "kernel-ok": "ok";
  "kernel-too-old": "warning";
  "kernel-no-uverbs": "warning";
  "sysfs-read-only": "error";
  "pf-ok": "ok";
  "pf-none": "error";
  "pf-no-ipoib": "ok" | "error";
  "pf-no-driver": "warning" | "error";
  "pf-no-rdma": "warning" | "error";
  "pf-vfio": "ok";
  "pf-no-netdev": "error";
  "pf-netdev-away": "error";
  "pf-sriov-off": "warning" | "error";
  "pf-no-vfs": "warning" | "error";
  "pf-port-down": "warning" | "error";
  "pf-no-sm": "warning" | "error";
  "devices-unreadable": "error";
  "vf-ok": "ok";
  "vf-unchecked": "skipped";
  "vf-no-driver": "error";
  "vf-no-netdev": "warning";
  "vf-netdev-away": "warning" | "error";
  "vf-locked": "error";
  "node-locked": "error";
  "lock-file": "error";
  "vf-refused": "error";
  "vf-link-disabled": "ok" | "warning";
  "vf-link-unknown": "skipped";
  "vf-port-down": "warning";
  "vf-mtu": "warning";
  "pod-no-interface": "error";
  "pod-no-device-files": "warning";
  "guid-ok": "ok";
  "guid-none": "warning" | "error";
  "guid-missing": "warning";
  "guid-all-ones": "warning";
  "guid-pending": "warning";
  "guid-duplicate": "error";
  "guid-left": "warning";
  "guid-unknown": "skipped";
  "rdma-mode-ok": "ok";
  "rdma-mode-shared": "error";
  "rdma-mode-exclusive": "warning";
  "rdma-mode-at-boot": "warning";
  "rdma-mode-unknown": "skipped";
  "udev-ok": "ok";
  "udev-guid-names": "warning";
  "udev-unknown": "skipped";
  "plugin-ok": "ok";
  "plugin-missing": "error";
  "plugin-broken": "error";
  "network-ok": "ok";
  "network-none": "skipped";
  "network-json": "error";
  "network-invalid": "error";
  "network-key": "warning";
  "network-mtu": "warning" | "error";
  "network-rdma-cni": "error";
  "network-rdma-only": "error";
  "network-order": "warning";
  "ipam-missing": "error";
  "ipam-broken": "error";
  "ipam-hangs": "error";
  "ipam-version": "error";
  "ipam-exhausted": "error";
  "state-ok": "ok";
  "state-not-writable": "error";
  "state-untrusted": "error";
  "records-ok": "ok";
  "records-unreadable": "error";
  "record-left": "warning";
  "record-unreadable": "warning";
  "record-go-plugin": "warning";
  "lease-pending": "warning";
  "vf-destroyed": "warning";
  "call-failed": "warning";
  "check-failed": "skipped";
}

/** The name of a kind of findings. */
export type FindingId = keyof FindingLevels;

/** The names of the findings that can have a level. */
export type IdOf<L extends Level> = {
  [Id in FindingId]: L extends FindingLevels[Id] ? Id : never;
}[FindingId];

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

/** The parts of a finding besides its text. */
export interface Details extends Remedy {
  /** PCI addresses, paths of records, and pods, that the finding is about: all of them, of which the text can name fewer. */
  readonly objects?: readonly string[] | undefined;
}

/** A result of a check, and the way to fix it. */
export interface Finding extends Details {
  readonly id: FindingId;
  readonly level: Level;
  readonly found: string;
}

/** The names of the findings that are warnings on some nodes, and errors on others. */
export type ProblemId = IdOf<"warning"> & IdOf<"error">;

/** A function that returns a finding, such as {@link warning}, for the kinds of findings that can have its level. */
export type Report<Id extends FindingId> = (id: Id, found: string, details?: Details) => Finding[];

/** Returns a finding without a problem. */
export function ok(id: IdOf<"ok">, found: string, details: Details = {}): Finding[] {
  return [{ id, level: "ok", found, ...details }];
}

/** Returns a problem that will cause a failure later. */
export function warning(id: IdOf<"warning">, found: string, details: Details = {}): Finding[] {
  return [{ id, level: "warning", found, ...details }];
}

/** Returns a problem that prevents a pod from being attached, or its network from working. */
export function error(id: IdOf<"error">, found: string, details: Details = {}): Finding[] {
  return [{ id, level: "error", found, ...details }];
}

/** Returns a finding about a check whose inputs are missing, for lack of permission, in a container, or otherwise. */
export function skipped(id: IdOf<"skipped">, found: string, details: Details = {}): Finding[] {
  return [{ id, level: "skipped", found, ...details }];
}
