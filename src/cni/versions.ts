import { fromJson, isObject } from "./document.ts";
import { CniError, codes } from "./errors.ts";

/** A version of the CNI specification that the plugin supports. */
export type CniVersion = "0.1.0" | "0.2.0" | "0.3.0" | "0.3.1" | "0.4.0" | "1.0.0" | "1.1.0";

/** All supported versions, oldest first. */
export const SUPPORTED_VERSIONS: readonly CniVersion[] = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
];

/** The newest supported version. */
export const NEWEST_VERSION: CniVersion = "1.1.0";

/** Versions whose results have the same form. A prevResult must be of the same family as its configuration. */
export type VersionFamily = "0.1" | "0.3" | "1.0";

/** Returns the family of a version. */
export function familyOf(version: CniVersion): VersionFamily {
  if (version === "0.1.0" || version === "0.2.0") return "0.1";
  return version === "1.0.0" || version === "1.1.0" ? "1.0" : "0.3";
}

/** Returns the version if it is supported. The spelling must be exact: "1.0" and "v1.0.0" are not supported. */
export function supportedVersion(text: string): CniVersion | undefined {
  return SUPPORTED_VERSIONS.find((version) => version === text);
}

/**
 * Checks that a command exists in the version of the configuration.
 * @param command an existing command except VERSION, which has no configuration.
 * @param configVersion the configuration's cniVersion.
 * @returns the version of the answer.
 * @throws {CniError} 1 if it does not exist, or the version is not supported; 6 if the cniVersion of CHECK, GC or
 * STATUS is not a version number.
 */
export function checkVersion(command: string, configVersion: string): CniVersion {
  // The newest version has every command. Without this line the comparisons take a tenth of a STATUS.
  if (configVersion === NEWEST_VERSION) return NEWEST_VERSION;
  const since =
    command === "CHECK" ? "0.4.0" : command === "GC" || command === "STATUS" ? "1.1.0" : undefined;
  if (since !== undefined) {
    if (compareVersions(configVersion, since) < 0) {
      throw new CniError(codes.incompatibleVersion, `config version does not allow ${command}`, {
        details: versionDetails(configVersion),
      });
    }
    if (compareVersions(configVersion, NEWEST_VERSION) > 0) {
      throw new CniError(codes.incompatibleVersion, `plugin version does not allow ${command}`, {
        details: versionDetails(configVersion),
      });
    }
  }
  const version = supportedVersion(configVersion);
  if (version === undefined) {
    throw new CniError(codes.incompatibleVersion, "incompatible CNI versions", {
      details: versionDetails(configVersion),
    });
  }
  return version;
}

/**
 * Returns the answer to VERSION: one line of JSON. Its cniVersion is that of the call, as the specification requires.
 * @param input the text on stdin. Without a version in it, the answer has the newest one, as that of Go's plugins.
 */
export function versionDocument(input: string): string {
  const document = fromJson(input);
  const named = isObject(document) ? document.cniVersion : undefined;
  const cniVersion = typeof named === "string" && VERSION.test(named) ? named : NEWEST_VERSION;
  return `${JSON.stringify({ cniVersion, supportedVersions: SUPPORTED_VERSIONS })}\n`;
}

const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}$/;

/** A VERSION call of another plugin. Go's plugins read the cniVersion on stdin. */
export const VERSION_CALL = {
  environment: ["CNI_COMMAND=VERSION"],
  stdin: '{"cniVersion":"1.0.0"}',
  inherit: [],
} as const;

/** Returns the versions in a plugin's answer to VERSION; `undefined` if the text is not such an answer. */
export function versionsIn(answer: string): readonly unknown[] | undefined {
  const document = fromJson(answer);
  const versions = isObject(document) ? document.supportedVersions : undefined;
  return Array.isArray(versions) ? versions : undefined;
}

/** Returns `config is "1.2.0", plugin supports ["0.1.0" "0.2.0" …]`, the text of the Go libraries. */
function versionDetails(configVersion: string): string {
  const supported = SUPPORTED_VERSIONS.map((version) => JSON.stringify(version)).join(" ");
  return `config is ${JSON.stringify(configVersion)}, plugin supports [${supported}]`;
}

function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** Parses a version as Go does: one to three numbers with dots; missing numbers are 0. */
function parseVersion(text: string): [number, number, number] {
  const parts = text.split(".");
  const numbers = parts.map((part) => (isNumber(part) ? Number(part) : Number.NaN));
  if (parts.length > 3 || numbers.some(Number.isNaN)) {
    throw new CniError(
      codes.decode,
      `cniVersion ${JSON.stringify(text)} is not a version: expected "1.0.0" or alike`,
    );
  }
  return [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 0];
}

function isNumber(part: string): boolean {
  for (const char of part) if (char < "0" || char > "9") return false;
  return part !== "" && part.length < 16;
}
