import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { checkVersion } from "../../../src/cni/versions.ts";
import { parseNetwork, parseNetworkForStatus } from "../../../src/network-config/settings.ts";
import { documentedKeys } from "../../support/documented-keys.ts";
import { blocksIn, documents, textOf } from "../../support/documents.ts";
import {
  allManifests,
  kustomized,
  type Manifest,
  manifestsIn,
  manifestsOf,
  overlays,
} from "../../support/manifests.ts";
import { schemaErrors } from "./schema.ts";
import { typeErrors } from "./types.ts";

const all = allManifests("deploy");
/** The pods in documents. */
const documented = documents.flatMap((document) =>
  blocksIn(textOf(document))
    .filter(({ language, text }) => language === "yaml" && /^kind: Pod$/m.test(text))
    .flatMap(({ text }) => manifestsIn(text, document)),
);

describe("every manifest matches the schema of its kind", () => {
  const made = overlays.flatMap((name) => kustomized(`deploy/${name}`));

  test("kustomize renders the manifests of the plugin", () => {
    expect(all.length).toBeGreaterThan(20);
    const number = (kind: string) => made.filter(({ content }) => content.kind === kind).length;
    expect([number("DaemonSet"), number("ServiceAccount")]).toEqual([overlays.length, overlays.length]);
    expect(number("SecurityContextConstraints")).toBe(2);
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

  test.each(documented)("$file, a block of a document: $kind", (manifest) => {
    expect(schemaErrors(manifest)).toBe("");
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

/** The keys of the reference, and the key of CNI that no plugin reads. */
const knownKeys = ["capabilities", ...documentedKeys()];

describe("networks", () => {
  const networks = all.filter(({ content }) => content.kind === "NetworkAttachmentDefinition");
  const resources = all
    .filter(({ content }) => content.kind === "ConfigMap")
    .flatMap(({ content }) => JSON.parse(content.data["config.json"]).resourceList)
    .map((resource: Record<string, string>) => `${resource.resourcePrefix}/${resource.resourceName}`);

  test("there is one for each common case, under its own name", () => {
    const names = networks.map(({ content }) => content.metadata.name);
    const rails = Array.from({ length: 8 }, (_, i) => `ib-rail-${i}`);
    const others = [
      "ib-host-local",
      "ib-isolated",
      "ib-partition-5",
      "ib-rdma-only",
      "ib-vfio",
      "ib-whereabouts",
    ];
    expect(names.sort()).toEqual([...rails, ...others].sort());
  });

  test.each(networks)("the plugin accepts $content.metadata.name", ({ content }) => {
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
    // A node without ib_ipoib cannot set the GUID and the link policy of a VF.
    const isSetInAdvance = network.rdmaOnly === true;
    expect(network.guid === undefined).toBe(isSetInAdvance);
    expect(network.settings.linkState).toBe(isSetInAdvance ? undefined : "enable");
    expect(network.ipamType).toBe(document.ipam?.type);
    expect(network.settings.rdmaIsolation).toBe(document.rdmaIsolation);
    expect([network.vfioPciMode, network.rdmaOnly]).toEqual([document.vfioPciMode, document.rdmaOnly]);
    // A pod of ib-kubernetes has its partition some time after its GUID.
    expect(document.waitForPkeySeconds).toBe(document.ibKubernetesEnabled ? 20 : undefined);
  });

  test.each(networks)(
    "$content.metadata.name names a resource that the device plugin provides",
    ({ content }) => {
      expect(resources).toContain(content.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"]);
    },
  );

  test.each(documented)(
    "a pod of $file names networks that exist, and requests their resources",
    ({ content }) => {
      const names = content.metadata.annotations["k8s.v1.cni.cncf.io/networks"].split(", ");
      const requested = Object.keys(content.spec.containers[0].resources.limits);
      const needed = names.map((name: string) => {
        const network = networks.find(({ content: { metadata } }) => metadata.name === name);
        return network?.content.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"];
      });
      expect(requested.filter((name) => name !== "nvidia.com/gpu")).toEqual(needed);
    },
  );

  test("the range of a network belongs to that network only", () => {
    const ranges = networks.flatMap(({ content }) => {
      const { ipam } = JSON.parse(content.spec.config);
      return ipam?.range ?? ipam?.subnet ?? [];
    });
    expect(new Set(ranges).size).toBe(ranges.length);
  });

  test("the test pods prefer two nodes, and have addresses that are unique in the cluster, and no capability", () => {
    const pods = all.filter(({ content }) => content.kind === "Pod").map(({ content }) => content);
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(["ib-sriov-test-a", "ib-sriov-test-b"]);
    for (const { metadata, spec } of pods) {
      const name = metadata.annotations["k8s.v1.cni.cncf.io/networks"];
      const network = networks.find(({ content }) => content.metadata.name === name)?.content;
      expect(JSON.parse(network?.spec.config).ipam.type).toBe("whereabouts");
      const resource = network?.metadata.annotations["k8s.v1.cni.cncf.io/resourceName"];
      const [container] = spec.containers;
      expect(container.resources).toEqual({ requests: { [resource]: "1" }, limits: { [resource]: "1" } });
      expect(container.securityContext.capabilities).toBeUndefined();
      const [{ podAffinityTerm }] =
        spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
      expect(metadata.labels).toMatchObject(podAffinityTerm.labelSelector.matchLabels);
      expect(podAffinityTerm.topologyKey).toBe("kubernetes.io/hostname");
    }
  });
});
