/**
 * The kinds of manifests in deploy/, by apiVersion and kind, as types: the type checker finds fields that do not exist.
 * The other rules of a schema are checked by schema.ts.
 */
import type { IDaemonSet } from "kubernetes-models/apps/v1/DaemonSet";
import type { IConfigMap } from "kubernetes-models/v1/ConfigMap";
import type { IPod } from "kubernetes-models/v1/Pod";
import type { IServiceAccount } from "kubernetes-models/v1/ServiceAccount";

type ObjectMeta = NonNullable<IPod["metadata"]>;

/** A kind of a CustomResourceDefinition, of which Kubernetes itself knows only the metadata. */
interface Custom {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** The API server requires metadata, although the schema has it as optional. */
type Named<T extends { metadata?: ObjectMeta }> = T & { metadata: ObjectMeta };

export interface Kinds {
  "apps/v1 DaemonSet": Named<IDaemonSet>;
  "v1 ConfigMap": Named<IConfigMap>;
  "v1 Pod": Named<IPod>;
  "v1 ServiceAccount": Named<IServiceAccount>;
  "k8s.cni.cncf.io/v1 NetworkAttachmentDefinition": Custom;
  "monitoring.coreos.com/v1 PodMonitor": Custom;
  "monitoring.coreos.com/v1 PrometheusRule": Custom;
  "security.openshift.io/v1 SecurityContextConstraints": Custom;
}
