/**
 * Schemas of the kinds in deploy/ that Kubernetes does not define. They equal the CustomResourceDefinitions, except
 * that they allow no other fields, which an API server would silently drop.
 */
import type { SchemaObject } from "ajv";

const boolean = { type: "boolean" };
const string = { type: "string" };
const integer = { type: "integer" };
const list = (items: SchemaObject) => ({ type: "array", items, nullable: true });
const map = (properties: Record<string, SchemaObject>, required: readonly string[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const strategy = (types: readonly string[], more: Record<string, SchemaObject>) => ({
  ...map({ type: { enum: types }, ...more }),
  nullable: true,
});
const ranges = list(map({ min: integer, max: integer }));

const texts = { type: "object", additionalProperties: string };
/** A duration of Prometheus. */
const duration = {
  type: "string",
  pattern: "^(0|(\\d+y)?(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?)$",
};

/** The members of every kind; metadata is checked with Kubernetes' own schema. */
const common = { apiVersion: string, kind: string, metadata: { type: "object" } };

export const customKinds: Readonly<Record<string, SchemaObject>> = {
  // k8snetworkplumbingwg/network-attachment-definition-client, artifacts/networks-crd.yaml (6fd0897fba53).
  "k8s.cni.cncf.io/v1 NetworkAttachmentDefinition": map(
    {
      ...common,
      spec: map({ config: string }, ["config"]),
      status: map({ state: string, observation: string }),
    },
    ["spec"],
  ),
  // prometheus-operator/prometheus-operator, example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml and
  // monitoring.coreos.com_prometheusrules.yaml (01fad0d64bee): the fields that manifests of this project can have.
  "monitoring.coreos.com/v1 PodMonitor": map(
    {
      ...common,
      spec: map(
        {
          selector: map({ matchLabels: texts }),
          podMetricsEndpoints: list(
            map({
              port: string,
              path: string,
              interval: duration,
              scrapeTimeout: duration,
              relabelings: list(
                map({
                  action: { enum: ["replace", "keep", "drop", "labeldrop", "labelkeep"] },
                  sourceLabels: list(string),
                  regex: string,
                  replacement: string,
                  targetLabel: string,
                }),
              ),
            }),
          ),
        },
        ["selector"],
      ),
    },
    ["spec"],
  ),
  "monitoring.coreos.com/v1 PrometheusRule": map(
    {
      ...common,
      spec: map({
        groups: list(
          map(
            {
              name: { type: "string", minLength: 1 },
              interval: duration,
              rules: list(
                map({ alert: string, expr: string, for: duration, labels: texts, annotations: texts }, [
                  "expr",
                ]),
              ),
            },
            ["name"],
          ),
        ),
      }),
    },
    ["spec"],
  ),
  // openshift/api, security/v1/zz_generated.crd-manifests/0000_03_config-operator_01_securitycontextconstraints.crd.yaml
  // (d00047cc2052); the strategies are those of security/v1/types.go.
  "security.openshift.io/v1 SecurityContextConstraints": map(
    {
      ...common,
      allowHostDirVolumePlugin: boolean,
      allowHostIPC: boolean,
      allowHostNetwork: boolean,
      allowHostPID: boolean,
      allowHostPorts: boolean,
      allowPrivilegeEscalation: { ...boolean, nullable: true },
      allowPrivilegedContainer: boolean,
      allowedCapabilities: list(string),
      allowedFlexVolumes: list(map({ driver: string }, ["driver"])),
      allowedUnsafeSysctls: list(string),
      defaultAddCapabilities: list(string),
      defaultAllowPrivilegeEscalation: { ...boolean, nullable: true },
      forbiddenSysctls: list(string),
      fsGroup: strategy(["MustRunAs", "RunAsAny"], { ranges }),
      groups: list(string),
      priority: { ...integer, nullable: true },
      readOnlyRootFilesystem: boolean,
      requiredDropCapabilities: list(string),
      runAsUser: strategy(["MustRunAs", "MustRunAsNonRoot", "MustRunAsRange", "RunAsAny"], {
        uid: integer,
        uidRangeMin: integer,
        uidRangeMax: integer,
      }),
      seLinuxContext: strategy(["MustRunAs", "RunAsAny"], {
        seLinuxOptions: map({ level: string, role: string, type: string, user: string }),
      }),
      seccompProfiles: list(string),
      supplementalGroups: strategy(["MustRunAs", "RunAsAny"], { ranges }),
      users: list(string),
      volumes: list(string),
    },
    [
      "allowHostDirVolumePlugin",
      "allowHostIPC",
      "allowHostNetwork",
      "allowHostPID",
      "allowHostPorts",
      "allowPrivilegedContainer",
      "allowedCapabilities",
      "defaultAddCapabilities",
      "priority",
      "readOnlyRootFilesystem",
      "requiredDropCapabilities",
      "volumes",
    ],
  ),
};
