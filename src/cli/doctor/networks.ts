import { fromJson, isObject, type JsonObject } from "../../cni/document.ts";
import type { ListedAttachment } from "../attachments/attachments.ts";
import type { CliContext } from "../context.ts";
import type { DoctorOptions } from "./context.ts";
import { error, type Finding, unknown } from "./finding.ts";

/** What libcni reads as configurations. */
const CONFIGURATION = /\.(conf|conflist|json)$/;
const TYPE = "ib-sriov";

/** A network of ours. */
export interface Network {
  readonly name: string;
  /** The file that says so: the runtime's, or an attachment's record. */
  readonly file: string;
  /** What the plugin gets on stdin, as far as it is the network's. */
  readonly document: JsonObject;
  /** The types of the list that it is in. */
  readonly chain: readonly unknown[];
  /** Where its plugins are: directories with ":" between them. */
  readonly cniPath: string;
}

/** Networks, and what is to be said of the looking for them. */
export interface Networks {
  readonly networks: readonly Network[];
  readonly findings: readonly Finding[];
}

/** The networks of type ib-sriov that runtimes are configured with here, and those that containers were attached to. */
export function networksOf(
  { node, inventory }: CliContext,
  attached: readonly ListedAttachment[],
  { confDirs, cniPath }: DoctorOptions,
): Networks {
  const findings: Finding[] = [];
  const networks: Network[] = [];
  for (const directory of confDirs) {
    for (const name of inventory.names(directory)) {
      if (!CONFIGURATION.test(name)) continue;
      const file = `${directory}/${name}`;
      const text = inventory.text(file) ?? "";
      const document = fromJson(text);
      if (isObject(document)) networks.push(...networksIn(document, file, cniPath));
      else if (text.includes(TYPE))
        findings.push(...error(`${file} is no JSON object`, { advice: "correct it" }));
    }
  }
  if (networks.length + findings.length === 0) {
    const there = confDirs.filter((directory) => node.files.exists(directory));
    const where =
      there.length > 0 ? `in ${there.join(", ")}` : `to be seen from here: no ${confDirs.join(", ")}`;
    findings.push(...unknown(`none ${where}; the NetworkAttachmentDefinitions of Kubernetes are on no node`));
  }
  for (const { path, record } of attached) {
    const document = fromJson(record?.call.stdin ?? "");
    if (record === undefined || !isObject(document)) continue;
    const { mode } = record;
    // A VF without a netdev has no lease.
    const ipam = mode === undefined ? document.ipam : undefined;
    const attachedTo = { ...document, type: TYPE, ipam, vfioPciMode: mode === "vfio" };
    const [network] = networksIn(attachedTo, path, record.call.path);
    if (network !== undefined && !networks.some(({ name }) => name === network.name)) networks.push(network);
  }
  return { networks, findings };
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
      // As libcni does it: these two are the list's.
      document: { ...member, name, cniVersion },
      chain,
      cniPath,
    }));
}
