import { fromJson, isObject, parseJsonObject, showValue } from "./document.ts";
import { CniError, codes } from "./errors.ts";
import { Fields } from "./fields.ts";
import type { Result } from "./result.ts";
import { decodeResult } from "./result-decode.ts";
import { type CniVersion, supportedVersion } from "./versions.ts";

/** The outcome of a delegated plugin's process. */
export interface DelegateOutcome {
  /** Exit status; -1 if a signal ended the process. */
  readonly status: number;
  /** Number of that signal; 0 if the process ended by itself. */
  readonly signal: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the process printed more to stdout than `stdout` contains. */
  readonly isCut?: boolean;
}

/** A delegated plugin ended by itself, and reported an error. */
export class PluginFailure extends CniError {}

/**
 * Returns the result of the IPAM plugin's ADD.
 * @param plugin its name, for messages.
 * @param version of the configuration; also the version of a result without a version.
 * @param relay writes the plugin's stderr to the stderr of this process, also if the plugin succeeded.
 * @throws {CniError} as {@link requireDelegateSuccess}; 6 if the result cannot be parsed or is too long; 999 if it
 * contains no address.
 */
export function delegateResult(
  plugin: string,
  outcome: DelegateOutcome,
  version: CniVersion,
  relay: (text: string) => void,
): Result {
  requireDelegateSuccess(plugin, outcome, relay);
  if (outcome.isCut === true)
    throw new CniError(codes.decode, `${ipamPluginNamed(plugin)}: the result has more than 1 MiB`);
  const result = decodeDelegateResult(plugin, outcome.stdout, version);
  if (result.ips.length === 0) {
    throw new CniError(codes.internal, `${ipamPluginNamed(plugin)} returned missing IP config`);
  }
  return result;
}

/**
 * Checks that a delegated plugin succeeded. Its stderr is passed on in any case.
 * @throws {CniError} if it failed. The message names the plugin. If the plugin printed an error object, the error has
 * its code, message and details; otherwise it has code 0, and contains the plugin's output and exit status.
 */
export function requireDelegateSuccess(
  plugin: string,
  outcome: DelegateOutcome,
  relay: (text: string) => void,
): void {
  if (outcome.stderr !== "") relay(outcome.stderr);
  if (outcome.status === 0 && outcome.signal === 0) return;
  const Failure = outcome.signal === 0 ? PluginFailure : CniError;
  const ended = outcome.signal === 0 ? `exit status ${outcome.status}` : `signal ${outcome.signal}`;
  const fail = (message: string, code: number = codes.unknown, details = "") =>
    new Failure(code, `${ipamPluginNamed(plugin)}: ${message}: ${ended}`, { details });
  if (outcome.stdout === "") {
    throw outcome.stderr === ""
      ? fail("netplugin failed with no error message")
      : fail(`netplugin failed: ${showValue(outcome.stderr.trimEnd())}`);
  }
  const reported = decodeError(outcome.stdout);
  if (reported === undefined) {
    throw fail(`netplugin failed but error parsing its diagnostic message ${showValue(outcome.stdout)}`);
  }
  const { code, message, details } = reported;
  throw message === ""
    ? fail("netplugin failed with no error message", code, details)
    : new Failure(code, `${ipamPluginNamed(plugin)}: ${message}`, { details });
}

/** Returns the name of a plugin for error messages. */
export function ipamPluginNamed(plugin: string): string {
  return `IPAM plugin ${JSON.stringify(plugin)}`;
}

function decodeDelegateResult(plugin: string, stdout: string, version: CniVersion): Result {
  const name = `result of plugin ${JSON.stringify(plugin)}`;
  const object = parseJsonObject(stdout, `error decoding the ${name}`);
  const fields = new Fields(object, name, codes.decode);
  const written = fields.raw("cniVersion");
  const text = typeof written === "string" && written !== "" ? written : version;
  const own = supportedVersion(text);
  if (own === undefined) {
    throw new CniError(codes.decode, `${name}: unsupported CNI result version ${showValue(text)}`);
  }
  return decodeResult(fields, own);
}

/** Parses an error object of CNI; `undefined` if the text is not such an object. */
function decodeError(text: string): { code: number; message: string; details: string } | undefined {
  const value = fromJson(text);
  if (!isObject(value)) return undefined;
  const fields = new Fields(value, "", codes.unknown);
  try {
    return {
      code: fields.integer("code", 0, 0xffffffff) ?? codes.unknown,
      message: fields.string("msg") ?? "",
      details: fields.string("details") ?? "",
    };
  } catch {
    return undefined;
  }
}
