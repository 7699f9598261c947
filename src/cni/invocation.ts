import { CniError, codes } from "./errors.ts";
import { utf8Length } from "./utf8-length.ts";

/** A verb of CNI. */
export type CniCommand = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

/** The CNI_* variables of one call, checked by {@link readEnvironment}. An unset variable is "". */
export interface Invocation {
  /** CNI_COMMAND; {@link checkCommand} checks whether it is a verb. */
  readonly command: string;
  readonly containerId: string;
  /** Path of the container's network namespace; `undefined` if the variable is unset or empty. */
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
 * Reads and checks the environment: the first check of the protocol. These must follow in this order:
 * `parseConfiguration` of stdin (not for VERSION), {@link checkCommand}, `checkVersion`. Then, of two faults, the
 * plugin reports the same as Go's libraries.
 *
 * An unset CNI_COMMAND is an error; main() handles calls without it before.
 * @throws {CniError} 4, naming an invalid variable, or otherwise all missing variables.
 */
export function readEnvironment(getenv: (name: string) => string | undefined): Invocation {
  const command = getenv("CNI_COMMAND") ?? "";
  const attachment = command === "ADD" || command === "CHECK" || command === "DEL";
  const missing: string[] = [];
  const read = (name: string) => getenv(name) ?? "";
  const require = (isRequired: boolean, name: string, check?: (value: string) => void): string => {
    const value = read(name);
    if (isRequired && value === "") missing.push(name);
    if (isRequired && value !== "") check?.(value);
    return value;
  };
  if (command === "") missing.push("CNI_COMMAND");
  const containerId = require(attachment, "CNI_CONTAINERID", checkContainerId);
  const netns = require(command === "ADD" || command === "CHECK", "CNI_NETNS");
  const ifname = require(attachment, "CNI_IFNAME", checkInterfaceName);
  const args = read("CNI_ARGS");
  // Go's libraries require it for each verb. In the specification it is optional but for GC, and only IPAM needs it.
  const path = require(command === "GC", "CNI_PATH");
  const netnsOverride = read("CNI_NETNS_OVERRIDE");
  if (missing.length > 0) {
    throw new CniError(codes.badEnvironment, `required env variables [${missing.join(",")}] missing`);
  }
  return { command, containerId, netns: netns === "" ? undefined : netns, ifname, args, path, netnsOverride };
}

/**
 * Checks that a command is a verb of CNI, in upper case.
 * @throws {CniError} 4 if it is not.
 */
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

/** Reports whether CNI_NETNS_OVERRIDE disables the check that CNI_NETNS is not the plugin's own namespace. */
export function allowsOwnNetns(netnsOverride: string): boolean {
  return netnsOverride === "1" || netnsOverride.toLowerCase() === "true";
}

/**
 * Returns the error for a CNI_NETNS that is the plugin's own namespace if {@link allowsOwnNetns} does not permit it: an
 * interface would be configured on the host. ADD and DEL throw it before they change anything.
 */
export function ownNetnsError(netns: string): CniError {
  return new CniError(codes.badNamespace, "plugin's netns and netns from CNI_NETNS should not be the same", {
    details: `CNI_NETNS ${netns}; CNI_NETNS_OVERRIDE=1 permits it`,
  });
}

/** Reports whether a text is a container ID or a network name: letters, digits, `_.-`, first a letter or digit. */
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

/** The form of almost all names, which needs no further check. */
const USUAL = /^\w{1,15}$/;

/**
 * Characters that a name must not contain. In JavaScript \s is Unicode's White_Space without U+0085 and with U+FEFF.
 */
const FORBIDDEN = /[/:\s\u0085]/;
