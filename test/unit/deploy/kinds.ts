/** The kinds of manifests in deploy/, by apiVersion and kind. Those of Kubernetes itself are its own schema, as types. */
import type { DaemonSet } from "kubernetes-types/apps/v1";
import type { ConfigMap, Pod, ServiceAccount } from "kubernetes-types/core/v1";
import type { ObjectMeta } from "kubernetes-types/meta/v1";

/** What a manifest must have, though Kubernetes' schema has it as optional. */
type Named<T extends { kind?: string; apiVersion?: string }> = T &
  Required<Pick<T, "apiVersion" | "kind">> & { metadata: ObjectMeta };

/** The definition of the Network Plumbing Working Group, section 3.4.1. */
interface NetworkAttachmentDefinition {
  apiVersion: "k8s.cni.cncf.io/v1";
  kind: "NetworkAttachmentDefinition";
  metadata: ObjectMeta & { name: string };
  spec: { config: string };
}

/** openshift/api, security/v1. */
interface SecurityContextConstraints {
  apiVersion: "security.openshift.io/v1";
  kind: "SecurityContextConstraints";
  metadata: ObjectMeta & { name: string };
  allowHostDirVolumePlugin: boolean;
  allowHostIPC: boolean;
  allowHostNetwork: boolean;
  allowHostPID: boolean;
  allowHostPorts: boolean;
  allowPrivilegedContainer: boolean;
  allowPrivilegeEscalation?: boolean;
  allowedCapabilities: string[] | null;
  defaultAddCapabilities: string[] | null;
  requiredDropCapabilities: string[] | null;
  readOnlyRootFilesystem: boolean;
  runAsUser: { type: "RunAsAny" | "MustRunAs" | "MustRunAsNonRoot" | "MustRunAsRange" };
  seLinuxContext: { type: "RunAsAny" | "MustRunAs" };
  fsGroup: { type: "RunAsAny" | "MustRunAs" };
  supplementalGroups: { type: "RunAsAny" | "MustRunAs" };
  seccompProfiles?: string[];
  volumes: "hostPath"[];
  priority: number | null;
  users: string[];
  groups: string[];
}

/** As far as deploy/ uses it. */
interface Kustomization {
  apiVersion: "kustomize.config.k8s.io/v1beta1";
  kind: "Kustomization";
  resources: string[];
  images?: { name: string; newTag: string }[];
  patches?: { target: { kind: string; name: string }; patch: string }[];
}

export interface Kinds {
  "apps/v1 DaemonSet": Named<DaemonSet>;
  "v1 ConfigMap": Named<ConfigMap>;
  "v1 Pod": Named<Pod>;
  "v1 ServiceAccount": Named<ServiceAccount>;
  "k8s.cni.cncf.io/v1 NetworkAttachmentDefinition": NetworkAttachmentDefinition;
  "security.openshift.io/v1 SecurityContextConstraints": SecurityContextConstraints;
  "kustomize.config.k8s.io/v1beta1 Kustomization": Kustomization;
}
