import { argument, parseArgs } from "../cni/args.ts";
import { showValue } from "../cni/document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Fields } from "../cni/fields.ts";
import { type Guid, isUsableGuid, parseGuid } from "../infiniband/guid.ts";

/** The key that ib-kubernetes sets to "configured" when it has prepared a pod. */
const APP_KEY = "mellanox.infiniband.app";

/** The place of the key. The message contains it because users set the key as an annotation of the pod. */
const WHERE =
  "in the pod's annotation k8s.v1.cni.cncf.io/networks, in the element of this network: " +
  '"cni-args": {"mellanox.infiniband.app": "configured", "guid": "02:…"} (or "infiniband-guid" beside ' +
  'it, for which the network needs "capabilities": {"infinibandGUID": true})';

/** The key of the network configuration; only this source can be "auto". */
const NETWORK_KEY = "guid";

/** A requested GUID, not yet parsed, and the key that contains it. */
interface Source {
  readonly where: string;
  readonly value: unknown;
}

/**
 * Returns the GUID that the network or the pod requests; "auto" if the network leaves the choice to the plugin;
 * `undefined` if neither requests one.
 *
 * If several sources request a GUID, the first of these counts: runtimeConfig.infinibandGUID (a capability that the
 * administrator granted); args.cni.guid with ibKubernetesEnabled; the network's `guid`, which no pod may override;
 * args.cni.guid; `guid` in CNI_ARGS. The other sources are not checked, so a mistake in them has no effect.
 * @throws {CniError} 7 if that source is not a GUID; 11 if ib-kubernetes must assign a GUID and has not done so.
 */
export function requestedGuid(
  fields: Fields,
  ibKubernetes: boolean,
  cniArgs: string,
  warnings: string[],
): Guid | "auto" | undefined {
  const source =
    capabilityGuid(fields) ??
    (ibKubernetes ? annotationGuid(fields) : undefined) ??
    given(NETWORK_KEY, fields.raw(NETWORK_KEY)) ??
    annotationGuid(fields) ??
    argumentGuid(cniArgs, warnings);
  if (source?.where === NETWORK_KEY && source.value === "auto") return "auto";
  if (source !== undefined) return readGuid(source);
  if (!ibKubernetes) return undefined;
  throw new CniError(
    codes.tryAgain,
    `ibKubernetesEnabled is set, but the pod has no GUID: ib-kubernetes has not assigned one to this pod yet; it must be ${WHERE}`,
  );
}

/**
 * Checks that ib-kubernetes has announced the pod to the subnet manager, which ibKubernetesEnabled requires.
 * @throws {CniError} 11 if it has not.
 */
export function requireIbKubernetes(fields: Fields): void {
  const value = annotations(fields)?.object[APP_KEY];
  if (value === "configured") return;
  const found = value === undefined || value === null ? "is missing" : `is ${showValue(value)}`;
  throw new CniError(
    codes.tryAgain,
    `ibKubernetesEnabled is set, but args.cni["${APP_KEY}"] ${found}, not "configured": ib-kubernetes has not ` +
      `processed this pod (yet); it must be ${WHERE}`,
  );
}

function capabilityGuid(fields: Fields): Source | undefined {
  return given("runtimeConfig.infinibandGUID", fields.nested("runtimeConfig")?.raw("infinibandGUID"));
}

function annotationGuid(fields: Fields): Source | undefined {
  return given("args.cni.guid", annotations(fields)?.object.guid);
}

function argumentGuid(cniArgs: string, warnings: string[]): Source | undefined {
  const args = parseArgs(cniArgs);
  warnings.push(...args.warnings);
  return given("CNI_ARGS guid", argument(args, "guid"));
}

/** Returns args.cni, a map from the user: its keys are compared exactly, and its values can have any type. */
function annotations(fields: Fields): Fields | undefined {
  return fields.nested("args")?.nested("cni");
}

function given(where: string, value: unknown): Source | undefined {
  return value === undefined || value === null || value === "" ? undefined : { where, value };
}

function readGuid({ where, value }: Source): Guid {
  const guid = typeof value === "string" ? parseGuid(value) : undefined;
  if (guid === undefined) {
    throw new CniError(
      codes.badConfiguration,
      `${where} must be an InfiniBand GUID of 8 bytes, as "02:00:00:00:00:00:00:01"` +
        `${where === NETWORK_KEY ? ', or "auto"' : ""}, not ${showValue(value)}`,
    );
  }
  if (!isUsableGuid(guid)) {
    throw new CniError(
      codes.badConfiguration,
      `${where} is ${guid}, which means "no GUID" and cannot be assigned`,
    );
  }
  return guid;
}
