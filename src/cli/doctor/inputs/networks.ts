import { kinds } from "../../../attachment/attachment-kinds.ts";
import { fromJson, isObject, type JsonObject } from "../../../cni/document.ts";
import type { ListedAttachment } from "../../attachments/attachments.ts";
import type { CliContext } from "../../context.ts";
import { isNetworkFile, logFilesIn } from "../../network-files.ts";
import { error, type Finding, skipped } from "../finding.ts";
import { jsonError } from "./json-error.ts";
import type { DoctorOptions } from "./options.ts";

/** The type of this plugin in networks. */
export const TYPE = "ib-sriov";

/** A network of type ib-sriov. */
export interface Network {
  readonly name: string;
  /** The file that contains it: the runtime's, or the record of an attachment. */
  readonly file: string;
  /** The network's part of the configuration that the plugin gets on stdin. */
  readonly document: JsonObject;
  /** The types of all plugins in its list. */
  readonly chain: readonly unknown[];
  /** Directories of its plugins, with ":" between them. */
  readonly cniPath: string;
}

/** Networks, and findings of the search for them. */
export interface Networks {
  readonly networks: readonly Network[];
  readonly findings: readonly Finding[];
}

/** Returns the networks of type ib-sriov in the runtime's configuration and in the records of attachments. */
export function networksOf(
  { node, inventory }: CliContext,
  attached: readonly ListedAttachment[],
  { confDirs, cniPath }: DoctorOptions,
): Networks {
  const findings: Finding[] = [];
  const networks: Network[] = [];
  for (const directory of confDirs) {
    for (const name of inventory.names(directory)) {
      const file = `${directory}/${name}`;
      if (!isNetworkFile(name) || !node.files.isFile(file)) continue;
      const text = inventory.text(file) ?? "";
      const document = fromJson(text);
      if (isObject(document)) networks.push(...networksIn(document, file, cniPath));
      else findings.push(...notANetwork(file, text));
    }
  }
  if (networks.length + findings.length === 0) {
    const there = confDirs.filter((directory) => node.files.exists(directory));
    const where =
      there.length > 0
        ? `no network of type ${TYPE} in ${there.join(", ")}`
        : `no network can be seen from here: ${confDirs[0]} does not exist`;
    findings.push(
      ...skipped("network-none", `${where}; NetworkAttachmentDefinitions are in Kubernetes, and not checked`),
    );
  }
  for (const { path, record } of attached) {
    const document = fromJson(record?.call.stdin ?? "");
    if (record === undefined || !isObject(document)) continue;
    const { kind } = record;
    // A VF without a netdev has no lease.
    const ipam = kinds[kind].hasNetdev ? document.ipam : undefined;
    const attachedTo = { ...document, type: TYPE, ipam, vfioPciMode: !kinds[kind].hasRdmaDevices };
    const [network] = networksIn(attachedTo, path, record.call.path);
    if (network !== undefined && !networks.some(({ name }) => name === network.name)) networks.push(network);
  }
  return { networks, findings };
}

/** Returns the log files of networks, each once. */
export function logFilesOf(networks: readonly Network[]): string[] {
  return [...new Set(networks.flatMap(({ document }) => logFilesIn(document)))];
}

/** Returns the finding about a file that is not a JSON object, with the position of the mistake. */
function notANetwork(file: string, text: string): Finding[] {
  const mistake = jsonError(text);
  const found =
    text === ""
      ? `${file} is empty`
      : mistake === undefined
        ? `${file} is not a JSON object`
        : `${file}, line ${mistake.line}, column ${mistake.column}: ${mistake.message}`;
  return error("network-json", found, { advice: "correct the file, or remove it: runtimes refuse it" });
}

function networksIn(document: JsonObject, file: string, cniPath: string): Network[] {
  const { plugins, name, cniVersion } = document;
  const members = Array.isArray(plugins) ? plugins.filter(isObject) : [document];
  const chain = members.map(({ type }) => type);
  return members
    .filter(({ type }) => type === TYPE)
    .map((member) => ({
      name: String(name ?? "?"),
      file,
      // Like libcni, this takes these two members from the list.
      document: { ...member, name, cniVersion },
      chain,
      cniPath,
    }));
}
