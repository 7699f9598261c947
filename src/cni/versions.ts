import { fromJson, isObject } from "./document.ts";
import { CniError, codes } from "./errors.ts";

/** A version of the CNI specification that the plugin speaks. */
export type CniVersion = "0.1.0" | "0.2.0" | "0.3.0" | "0.3.1" | "0.4.0" | "1.0.0" | "1.1.0";

/** All of them, oldest first. */
export const SUPPORTED_VERSIONS: readonly CniVersion[] = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
];

/** The newest of them. */
export const NEWEST_VERSION: CniVersion = "1.1.0";

/** Versions whose results have the same shape. A prevResult must be of the family of its configuration. */
export type VersionFamily = "0.1" | "0.3" | "1.0";

/** Which shape of result a version has. */
export function familyOf(version: CniVersion): VersionFamily {
  if (version === "0.1.0" || version === "0.2.0") return "0.1";
  return version === "1.0.0" || version === "1.1.0" ? "1.0" : "0.3";
}

/** The version if it is, to the letter, one that we speak ("1.0" and "v1.0.0" are not). */
export function supportedVersion(text: string): CniVersion | undefined {
  return SUPPORTED_VERSIONS.find((version) => version === text);
}

/**
 * May this command be answered for a configuration of this version?
 * @param command an existing one, VERSION excepted (it has no configuration).
 * @param configVersion as it stands in the configuration.
 * @returns the version that the answer must have.
 * @throws {CniError} 1 where not; 6 where CHECK, GC or STATUS find a version that is no version.
 */
export function checkVersion(command: string, configVersion: string): CniVersion {
  // It has every command, and to compare it with others takes a tenth of a STATUS.
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

/** The answer to VERSION: one line of JSON. */
export function versionDocument(): string {
  return `${JSON.stringify({ cniVersion: NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS })}\n`;
}

/** How another plugin is asked for its versions. Go's plugins read the version of the question. */
export const VERSION_QUESTION = {
  environment: ["CNI_COMMAND=VERSION"],
  stdin: '{"cniVersion":"1.0.0"}',
  inherit: [],
} as const;

/** The versions that a plugin's answer to VERSION names; undefined where it is no such answer. */
export function versionsIn(answer: string): readonly unknown[] | undefined {
  const document = fromJson(answer);
  const versions = isObject(document) ? document.supportedVersions : undefined;
  return Array.isArray(versions) ? versions : undefined;
}

/** `config is "1.2.0", plugin supports ["0.1.0" "0.2.0" …]`, as the Go libraries write it. */
function versionDetails(configVersion: string): string {
  const supported = SUPPORTED_VERSIONS.map((version) => JSON.stringify(version)).join(" ");
  return `config is ${JSON.stringify(configVersion)}, plugin supports [${supported}]`;
}

function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** As Go reads it: one to three numbers with dots, missing ones are 0. */
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
