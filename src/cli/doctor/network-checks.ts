import { parseConfiguration } from "../../cni/configuration.ts";
import { messageOf } from "../../cni/error-document.ts";
import { checkVersion } from "../../cni/versions.ts";
import { parseNetworkForStatus } from "../../network/config.ts";
import { warnOfSuspiciousKeys } from "../../network/keys.ts";
import type { Node } from "../../node/node.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, warning } from "./finding.ts";
import type { Network } from "./networks.ts";
import { ipamPlugin } from "./plugins.ts";

/** rdma-cni's type. */
const RDMA_CNI = "rdma";

/** The networks: can they be read, and is what they need there? */
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

/** Is what a network needs there? */
function requirements(node: Node, { document, chain, cniPath }: Network, which: string): Finding[] {
  if (chain.includes(RDMA_CNI))
    return error(`${which} chains rdma-cni, which moves the RDMA device away from under the interface`, {
      advice: `take type "${RDMA_CNI}" out of it, and set "rdmaIsolation": true in that of type "ib-sriov"`,
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
