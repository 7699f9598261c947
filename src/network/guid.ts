import { argument, parseArgs } from "../cni/args.ts";
import { showValue } from "../cni/document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Fields } from "../cni/fields.ts";
import { type Guid, isUsableGuid, parseGuid } from "../infiniband/guid.ts";

/** Where ib-kubernetes says that it has prepared a pod. */
const APP_KEY = "mellanox.infiniband.app";

/** For users look for it in the wrong place: among the pod's own annotations. */
const WHERE =
  "in the pod's annotation k8s.v1.cni.cncf.io/networks, in the element of this network: " +
  '"cni-args": {"mellanox.infiniband.app": "configured", "guid": "02:…"} (or "infiniband-guid" beside ' +
  'it, for which the network needs "capabilities": {"infinibandGUID": true})';

/** The administrator's key, the one that can say "auto". */
const NETWORK_KEY = "guid";

/** A GUID as somebody wrote it, and where. */
interface Source {
  readonly where: string;
  readonly value: unknown;
}

/**
 * The GUID that the VF shall have; "auto" where the administrator leaves it to us, undefined where nobody says
 * anything.
 *
 * Of several the first wins: runtimeConfig.infinibandGUID (a capability that the administrator granted);
 * args.cni.guid with ibKubernetesEnabled; the administrator's `guid`, which no pod may override; args.cni.guid;
 * `guid` in CNI_ARGS. The others are not looked at, so a mistake in them harms nobody.
 * @throws {CniError} 7 where the winner is no GUID; 11 where ib-kubernetes should have named one and has not.
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
    `ibKubernetesEnabled is set, but there is no GUID: ib-kubernetes has not assigned one to this pod yet; it must be ${WHERE}`,
  );
}

/**
 * With ibKubernetesEnabled a pod must wait until ib-kubernetes has told the subnet manager of it.
 * @throws {CniError} 11 where that has not happened.
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

/** A map of the user's, in which keys are exact and values may be anything. */
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
