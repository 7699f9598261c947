/**
 * Checks manifests against Kubernetes' schema (kubernetes-models has its OpenAPI definitions) and those of
 * custom-kinds.ts: missing fields, fields of another type, invalid quantities. It detects unknown fields only in custom
 * kinds.
 */
import { Ajv } from "ajv";
import { DaemonSet } from "kubernetes-models/apps/v1/DaemonSet";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Pod } from "kubernetes-models/v1/Pod";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import type { Manifest } from "../../support/manifests.ts";
import { customKinds } from "./custom-kinds.ts";

const models = {
  "apps/v1 DaemonSet": DaemonSet,
  "v1 ConfigMap": ConfigMap,
  "v1 Pod": Pod,
  "v1 ServiceAccount": ServiceAccount,
};

const ajv = new Ajv({ allErrors: true });

/** Returns the errors of a manifest, "" if it is valid. @throws if its kind has no schema. */
export function schemaErrors({ kind, content }: Manifest): string {
  const custom = customKinds[kind];
  if (custom !== undefined) return ajv.validate(custom, content) ? "" : ajv.errorsText();
  const Model = models[kind as keyof typeof models];
  if (Model === undefined) throw new Error(`kind ${kind} has no schema`);
  try {
    new Model(content).validate();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
