import { CniError, codes } from "./errors.ts";
import { utf8Length } from "./utf8-length.ts";

/** A verb of CNI. */
export type CniCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** The CNI_* variables of one call, checked as {@link readEnvironment} says. Unset ones are "". */
export interface Invocation {
  /** CNI_COMMAND as it came; {@link checkCommand} says whether it is one. */
  readonly command: string;
  readonly containerId: string;
  /** Path of the container's network namespace; undefined where the variable is unset or empty. */
  readonly netns: string | undefined;
  readonly ifname: string;
  /** CNI_ARGS, not parsed: see args.ts. */
  readonly args: string;
  /** CNI_PATH: directories of plugins, separated by ":". */
  readonly path: string;
  /** CNI_NETNS_OVERRIDE: see {@link allowsOwnNetns}. */
  readonly netnsOverride: string;
}

/**
 * Reads and checks the environment: the first of the protocol's checks. What must follow, in this order, so
 * that of two faults the same one is reported as by Go's libraries: `parseConfiguration` of stdin (not for
 * VERSION), {@link checkCommand}, `checkVersion`.
 *
 * CNI_COMMAND unset is a fault here; a caller that prints an "about" text instead looks before.
 * @throws {CniError} 4, naming the variables: an invalid value before missing ones, and all missing together.
 */
export function readEnvironment(getenv: (name: string) => string | undefined): Invocation {
  const command = getenv("CNI_COMMAND") ?? "";
  const attachment = command === "ADD" || command === "CHECK" || command === "DEL";
  const missing: string[] = [];
  const read = (name: string, required: boolean, check?: (value: string) => void): string => {
    const value = getenv(name) ?? "";
    if (value === "") {
      if (required) missing.push(name);
    } else if (required) {
      check?.(value);
    }
    return value;
  };
  read("CNI_COMMAND", true);
  const containerId = read("CNI_CONTAINERID", attachment, checkContainerId);
  const netns = read("CNI_NETNS", command === "ADD" || command === "CHECK");
  const ifname = read("CNI_IFNAME", attachment, checkInterfaceName);
  const args = read("CNI_ARGS", false);
  const path = read("CNI_PATH", attachment || command === "GC" || command === "STATUS");
  const netnsOverride = read("CNI_NETNS_OVERRIDE", false);
  if (missing.length > 0) {
    throw new CniError(codes.badEnvironment, `required env variables [${missing.join(",")}] missing`);
  }
  return { command, containerId, netns: netns === "" ? undefined : netns, ifname, args, path, netnsOverride };
}

/** @throws {CniError} 4 where it is no verb of CNI (they are upper case). */
export function checkCommand(command: string): CniCommand {
  switch (command) {
    case "ADD":
    case "DEL":
    case "CHECK":
    case "GC":
    case "STATUS":
    case "VERSION":
      return command;
    default:
      throw new CniError(codes.badEnvironment, `unknown CNI_COMMAND: ${command}`);
  }
}

/** Does CNI_NETNS_OVERRIDE switch off the check that CNI_NETNS is not the plugin's own namespace? */
export function allowsOwnNetns(netnsOverride: string): boolean {
  return netnsOverride === "1" || netnsOverride.toLowerCase() === "true";
}

/**
 * The error for a CNI_NETNS that is the plugin's own namespace, where {@link allowsOwnNetns} does not permit it:
 * an interface would be configured on the host. For ADD and DEL, before anything is done.
 */
export function ownNetnsError(netns: string): CniError {
  return new CniError(codes.badNamespace, "plugin's netns and netns from CNI_NETNS should not be the same", {
    details: `CNI_NETNS ${netns}; CNI_NETNS_OVERRIDE=1 permits it`,
  });
}

/** Is it a container id or a network name: letters, digits, `_`, `.`, `-`, beginning with a letter or digit? */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

function checkContainerId(value: string): void {
  if (isIdentifier(value)) return;
  throw new CniError(codes.badEnvironment, "CNI_CONTAINERID: invalid characters in containerID", {
    details: value,
  });
}

/** Longest name of a netdev in bytes: IFNAMSIZ - 1, linux/if.h. */
const MAX_INTERFACE_NAME = 15;

function checkInterfaceName(value: string): void {
  if (USUAL.test(value)) return;
  const refuse = (why: string, details = value) =>
    new CniError(codes.badEnvironment, `CNI_IFNAME: ${why}`, { details });
  if (utf8Length(value) > MAX_INTERFACE_NAME) {
    throw refuse("interface name is too long", "interface name should be less than 16 characters");
  }
  if (value === "." || value === "..") throw refuse("interface name is . or ..");
  if (FORBIDDEN.test(value.replaceAll("\ufeff", "")))
    throw refuse("interface name contains / or : or whitespace characters");
}

/** What almost all are called. */
const USUAL = /^\w{1,15}$/;

/** With \s as JavaScript has it: all of Unicode's White_Space but U+0085, and U+FEFF on top. */
const FORBIDDEN = /[/:\s\u0085]/;
