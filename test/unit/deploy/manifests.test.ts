import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { checkVersion } from "../../../src/cni/versions.ts";
import { parseNetwork, parseNetworkForStatus } from "../../../src/network-config/network-config.ts";
import { documentedKeys } from "../../support/documented-keys.ts";
import { allManifests, kustomized, type Manifest, manifestsOf, typeErrors } from "./manifests.ts";
import { schemaErrors } from "./schema.ts";

const all = allManifests("deploy");
const variants = [
  { directory: "deploy/base", path: "/opt/cni/bin", seLinuxOptions: undefined },
  { directory: "deploy/openshift", path: "/var/lib/cni/bin", seLinuxOptions: { type: "spc_t" } },
].map((variant) => ({ ...variant, manifests: kustomized(variant.directory) }));

const oneOf = (manifests: readonly Manifest[], kind: string) => {
  const found = manifests.filter(({ content }) => content.kind === kind);
  expect(found).toHaveLength(1);
  return found[0]?.content;
};

describe("every manifest matches the schema of its kind", () => {
  const made = variants.flatMap(({ manifests }) => manifests);

  test("kustomize renders the manifests of the plugin", () => {
    expect(all.length).toBeGreaterThan(8);
    const kinds = made.map(({ content }) => content.kind).sort();
    expect(kinds).toEqual([
      "DaemonSet",
      "DaemonSet",
      "SecurityContextConstraints",
      "ServiceAccount",
      "ServiceAccount",
    ]);
  });

  test.each([...all, ...made])("$file: $kind", (manifest) => {
    expect(schemaErrors(manifest)).toBe("");
  });

  test("has no unknown field, according to the type checker", () => {
    expect(typeErrors([...all, ...made])).toBe("");
  }, 60_000);

  /** A valid manifest, with one change. */
  const changed = (file: string, change: (content: Manifest["content"]) => void) => {
    const manifest = structuredClone(manifestsOf(file)[0] as Manifest);
    change(manifest.content);
    return manifest;
  };

  const daemonSet = (change: (spec: Manifest["content"]) => void) =>
    changed("deploy/base/daemonset.yaml", ({ spec }) => change(spec.template.spec));
  const constraints = (change: (content: Manifest["content"]) => void) =>
    changed("deploy/openshift/security-context-constraints.yaml", change);

  test.each([
    ["a missing field", daemonSet((spec) => delete spec.containers), "containers"],
    [
      "another type",
      daemonSet((spec) => Object.assign(spec, { terminationGracePeriodSeconds: "5" })),
      "terminationGracePeriodSeconds",
    ],
    [
      "an invalid quantity",
      daemonSet((spec) => Object.assign(spec.containers[0].resources.limits, { memory: "50 Mi" })),
      "memory",
    ],
    [
      "a field that OpenShift's kind does not have",
      constraints((it) => Object.assign(it, { allowHostAll: true })),
      "additional",
    ],
    ["a missing field of OpenShift's kind", constraints((it) => delete it.volumes), "volumes"],
    [
      "an unknown strategy",
      constraints((it) => Object.assign(it, { runAsUser: { type: "RunAsRoot" } })),
      "runAsUser/type",
    ],
    [
      "a network whose configuration is not a text",
      changed("deploy/networks/host-local.yaml", ({ spec }) => Object.assign(spec, { config: {} })),
      "config",
    ],
  ])("the check detects %s", (_, manifest, word) => {
    expect(schemaErrors(manifest)).toContain(word);
  });

  test("kustomize refuses a kustomization with a field that does not exist", () => {
    const directory = mkdtempSync(join(tmpdir(), "kustomization-"));
    try {
      cpSync("deploy/base", directory, { recursive: true });
      expect(kustomized(directory)).toHaveLength(2);
      appendFileSync(join(directory, "kustomization.yaml"), "resource: []\n");
      expect(() => kustomized(directory)).toThrow('unknown field "resource"');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("the check detects an unknown field", () => {
    const errors = typeErrors([
      daemonSet((spec) => Object.assign(spec, { tolerationz: [] })),
      daemonSet((spec) => Object.assign(spec.containers[0].securityContext, { privilegd: true })),
      changed("deploy/networks/host-local.yaml", ({ metadata }) => Object.assign(metadata, { label: {} })),
    ]);
    expect(errors.match(/error TS\d+/g)).toHaveLength(3);
    for (const word of ["tolerationz", "privilegd", "label"]) expect(errors).toContain(word);
  }, 60_000);
});

describe.each(variants)("the DaemonSet of $directory", ({ manifests, path, seLinuxOptions }) => {
  const { metadata, spec } = oneOf(manifests, "DaemonSet");
  const pod = spec.template.spec;
  const [container] = pod.containers;

  test("mounts only the directory that it copies to", () => {
    expect(pod.volumes).toEqual([{ name: "cni-bin", hostPath: { path, type: "DirectoryOrCreate" } }]);
    // The installer's default directory.
    expect(container.volumeMounts).toEqual([{ name: "cni-bin", mountPath: "/host/opt/cni/bin" }]);
    expect([pod.hostNetwork, pod.hostPID, pod.hostIPC, pod.automountServiceAccountToken]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ]);
  });

  test("is not privileged", () => {
    expect(pod.containers).toHaveLength(1);
    expect(container.securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0,
      capabilities: { drop: ["ALL"], add: ["DAC_OVERRIDE"] },
      seccompProfile: { type: "RuntimeDefault" },
      ...(seLinuxOptions && { seLinuxOptions }),
    });
  });

  test("selects its own pods, under an account that exists", () => {
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    const account = oneOf(manifests, "ServiceAccount").metadata;
    expect([account.name, account.namespace]).toEqual([pod.serviceAccountName, metadata.namespace]);
  });

  test("runs the image of this version", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(container.image).toBe(`ib-sriov:${version}`);
  });
});

test("OpenShift's constraints allow exactly what its DaemonSet needs", () => {
  const manifests = variants[1]?.manifests ?? [];
  const constraints = oneOf(manifests, "SecurityContextConstraints");
  const { metadata, spec } = oneOf(manifests, "DaemonSet");
  const [{ securityContext }] = spec.template.spec.containers;
  expect(constraints.users).toEqual([
    `system:serviceaccount:${metadata.namespace}:${spec.template.spec.serviceAccountName}`,
  ]);
  expect(constraints.allowedCapabilities).toEqual(securityContext.capabilities.add);
  expect(constraints.volumes).toEqual(["hostPath"]);
  const allowed = Object.keys(constraints).filter((key) => /^allow/.test(key) && constraints[key] === true);
  expect(allowed).toEqual(["allowHostDirVolumePlugin"]);
});

/** The keys of the reference, and the key of CNI that no plugin reads. */
const knownKeys = ["capabilities", ...documentedKeys()];

describe("networks", () => {
  const networks = all.filter(({ content }) => content.kind === "NetworkAttachmentDefinition");
  const resources = JSON.parse(oneOf(all, "ConfigMap").data["config.json"]).resourceList.map(
    (resource: Record<string, string>) => `${resource.resourcePrefix}/${resource.resourceName}`,
  );

  test("there is one for each common case, under its own name", () => {
    const names = networks.map(({ content }) => content.metadata.name);
    expect(names.sort()).toEqual(["ib-host-local", "ib-isolated", "ib-partition-5", "ib-whereabouts"]);
  });

  test.each(networks)("the plugin accepts $file", ({ content }) => {
    const text = content.spec.config;
    const document = JSON.parse(text);
    expect(document).toMatchObject({ name: content.metadata.name, type: "ib-sriov" });
    // The plugin cannot refuse a misspelled key.
    for (const key of Object.keys(document)) expect(knownKeys).toContain(key);
    // STATUS reads the file as it is; ADD reads it with the keys that Multus and ib-kubernetes add.
    parseNetworkForStatus(parseConfiguration(text));
    const { infinibandGUID, CNIDeviceInfoFile } = document.capabilities ?? {};
    const completed = {
      ...document,
      deviceID: "0000:03:00.2",
      runtimeConfig: {
        ...(infinibandGUID && { infinibandGUID: "02:00:00:00:00:00:00:01" }),
        ...(CNIDeviceInfoFile && { CNIDeviceInfoFile: "/var/run/k8s.cni.cncf.io/devinfo/cni/x" }),
      },
      ...(document.ibKubernetesEnabled && { args: { cni: { "mellanox.infiniband.app": "configured" } } }),
    };
    const configuration = parseConfiguration(JSON.stringify(completed));
    const version = checkVersion("ADD", configuration.cniVersion);
    const network = parseNetwork(configuration, version, "");
    expect(network.warnings).toEqual([]);
    expect(network.guid).toBeDefined();
    expect(network.settings.linkState).toBe("enable");
    expect(network.ipamType).toBe(document.ipam.type);
    expect(network.settings.rdmaIsolation).toBe(document.rdmaIsolation);
  });

  test.each(networks)("$file names a resource that the device plugin provides", ({ content }) => {
    expect(resources).toContain(content.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"]);
  });

  test("the test pod requests an existing network, and its resource", () => {
    const pod = oneOf(all, "Pod");
    const name = pod.metadata.annotations["k8s.v1.cni.cncf.io/networks"];
    const network = networks.find(({ content }) => content.metadata.name === name);
    const resource = network?.content.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"];
    const [container] = pod.spec.containers;
    expect(container.resources).toEqual({ requests: { [resource]: "1" }, limits: { [resource]: "1" } });
  });
});
