import { isObject } from "../cni/document.ts";

/** Directories of the networks of runtimes and of Multus, with ":" between them. */
export const NETWORK_DIRECTORIES = "/etc/cni/net.d:/etc/cni/multus/net.d";

/** Reports whether libcni reads a file of that name as a network configuration. */
export function isNetworkFile(name: string): boolean {
  return /\.(conf|conflist|json)$/.test(name);
}

/** Returns the log files that a network, or the networks of a list, name. */
export function logFilesIn(document: unknown): string[] {
  if (!isObject(document)) return [];
  const { logFile, plugins } = document;
  const own = typeof logFile === "string" && logFile.startsWith("/") ? [logFile] : [];
  return Array.isArray(plugins) ? [...own, ...plugins.flatMap(logFilesIn)] : own;
}
