import { parseConfiguration } from "../../cni/configuration.ts";
import { messageOf } from "../../cni/error-document.ts";
import { checkVersion } from "../../cni/versions.ts";
import { parseNetworkForStatus } from "../../network-config/network-config.ts";
import { warnOfSuspiciousKeys } from "../../network-config/suspicious-keys.ts";
import type { Node } from "../../node/node.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, warning } from "./finding.ts";
import type { Network } from "./networks.ts";
import { ipamPlugin } from "./plugins.ts";

/** The type of rdma-cni. */
const RDMA_CNI = "rdma";

/** Checks whether the networks are valid, and whether their requirements are met. */
export function networkChecks({ node, networks }: DoctorContext): Finding[] {
  return [...networks.findings, ...networks.networks.flatMap((network) => networkCheck(node, network))];
}

function networkCheck(node: Node, network: Network): Finding[] {
  const { name, file, document } = network;
  const which = `${name} (${file})`;
  const warnings: string[] = [];
  warnOfSuspiciousKeys(document, warnings);
  const suspicious = warnings.flatMap((each) => warning(`${which}: ${each}`, { advice: "correct it" }));
  return [...suspicious, ...requirements(node, network, which)];
}

/** Checks whether the requirements of a network are met. */
function requirements(node: Node, { document, chain, cniPath }: Network, which: string): Finding[] {
  if (chain.includes(RDMA_CNI))
    return error(`${which} chains rdma-cni, which removes the interface by moving its RDMA device`, {
      advice: `remove the plugin of type "${RDMA_CNI}", and set "rdmaIsolation": true in that of type "ib-sriov"`,
    });
  try {
    const parsed = parseConfiguration(JSON.stringify(document));
    const { ipamType } = parseNetworkForStatus(parsed);
    const version = checkVersion("ADD", parsed.cniVersion);
    if (ipamType === undefined) return ok(`${which}, without addresses`);
    return ipamPlugin(node, ipamType, cniPath, version, which);
  } catch (cause) {
    return error(`${which}: ${messageOf(cause)}`, { advice: "correct it" });
  }
}
