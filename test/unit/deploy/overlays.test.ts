// The overlays: their privileges, which deploy/README.md lists, their paths, and their rendered files.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  kustomized,
  kustomizedText,
  kustomizedWith,
  type Manifest,
  manifestsOf as manifestsIn,
  overlays,
  podOf,
} from "../../support/manifests.ts";

const readme = readFileSync("deploy/README.md", "utf8");
const built = new Map(overlays.map((name) => [name, kustomized(`deploy/${name}`)]));
const manifestsOf = (name: string) => built.get(name) ?? [];
const contentOf = (manifests: readonly Manifest[], kind: string) => {
  const found = manifests.filter(({ content }) => content.kind === kind);
  expect(found).toHaveLength(1);
  return found[0]?.content;
};
const isAgent = (name: string) => name.endsWith("agent");

/** Returns the directories of the host that a container has: "/sys", or "/lib (read-only)". */
function pathsOf(pod: ReturnType<typeof podOf>): string[] {
  const mounts: { name: string; readOnly?: boolean }[] = pod.containers[0].volumeMounts;
  return mounts
    .map(({ name, readOnly }) => {
      const { hostPath } = pod.volumes.find((volume: { name: string }) => volume.name === name);
      return `\`${hostPath.path}\`${readOnly ? " (read-only)" : ""}`;
    })
    .sort();
}

/** Returns the row of the table of privileges in deploy/README.md. */
function rowOf(name: string): string {
  const pod = podOf(manifestsOf(name));
  const { capabilities, runAsUser, seLinuxOptions, appArmorProfile } = pod.containers[0].securityContext;
  const shared = ["hostNetwork", "hostPID", "hostIPC"].filter((key) => pod[key] === true);
  const cells = [
    `\`${name}\``,
    capabilities.add.map((capability: string) => `\`${capability}\``).join(", "),
    shared.map((key) => `\`${key}\``).join(", ") || "-",
    pathsOf(pod).join(", "),
    runAsUser,
    seLinuxOptions?.type ?? "-",
    appArmorProfile?.type ?? "-",
  ];
  return `| ${cells.join(" | ")} |`;
}

test("deploy/README.md lists the privileges of each overlay", () => {
  const rows = readme.split("\n").filter((line) => /^\| `[\w-]+` \| `DAC_OVERRIDE`/.test(line));
  expect(rows).toEqual(overlays.map(rowOf));
});

describe.each(overlays)("%s", (name) => {
  const manifests = manifestsOf(name);
  const { metadata, spec } = contentOf(manifests, "DaemonSet");
  const pod = podOf(manifests);
  const [container] = pod.containers;

  test("has one container without privileges but those in the table", () => {
    expect(pod.containers).toHaveLength(1);
    expect([pod.initContainers, pod.securityContext, pod.automountServiceAccountToken]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    const { seLinuxOptions: _, appArmorProfile: __, capabilities, ...rest } = container.securityContext;
    expect(rest).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsGroup: 0,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(capabilities).toEqual({
      drop: ["ALL"],
      add: ["DAC_OVERRIDE", ...(isAgent(name) ? ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"] : [])],
    });
    const mounted = container.volumeMounts.map((mount: { name: string }) => mount.name);
    expect(mounted).toEqual(
      expect.arrayContaining(pod.volumes.map((volume: { name: string }) => volume.name)),
    );
  });

  test("has the recommended labels, selects its own pods, and has an account that exists", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    const labels = {
      "app.kubernetes.io/name": "ib-sriov",
      "app.kubernetes.io/component": isAgent(name) ? "agent" : "installer",
      "app.kubernetes.io/part-of": "ib-sriov",
      "app.kubernetes.io/version": version,
    };
    expect([metadata.labels, spec.template.metadata.labels]).toEqual([labels, labels]);
    // It is the same for all overlays, so that one replaces the other.
    expect(spec.selector.matchLabels).toEqual({ "app.kubernetes.io/name": "ib-sriov" });
    const account = contentOf(manifests, "ServiceAccount").metadata;
    expect([account.name, account.namespace]).toEqual([pod.serviceAccountName, metadata.namespace]);
    expect(container.image).toBe(`ib-sriov:${version}`);
  });

  test("installs into the directory of plugins that deploy/README.md names", () => {
    const [, path] =
      new RegExp(`^\\| [^|]+ \\|[^|]*\`${name}\`[^|]*\\| \`(/[^|]+)\` \\|$`, "m").exec(readme) ?? [];
    const mount = container.volumeMounts.find(({ mountPath }: { mountPath: string }) =>
      isAgent(name) ? path?.startsWith(mountPath) : mountPath === "/host/opt/cni/bin",
    );
    const { hostPath } = pod.volumes.find((volume: { name: string }) => volume.name === mount.name);
    // The longest mount that contains it has the same path on the node.
    expect(isAgent(name) ? hostPath.path === mount.mountPath : hostPath.path === path).toBe(true);
    if (isAgent(name)) expect(container.args).toContain(`--cni-bin-dir=${path}`);
  });

  test("has the probes of its component", () => {
    const { readinessProbe, livenessProbe, ports } = container;
    if (!isAgent(name)) {
      expect(readinessProbe.exec.command).toEqual(["/usr/bin/ib-sriov", "install", "--check"]);
      expect(livenessProbe).toBeUndefined();
      return;
    }
    expect(ports).toEqual([{ name: "metrics", containerPort: 9410, protocol: "TCP" }]);
    // Prometheus finds the agents by these: deploy/monitoring.
    const monitor = contentOf(manifestsIn("deploy/monitoring/pod-monitor.yaml"), "PodMonitor");
    expect(spec.template.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(monitor.spec.podMetricsEndpoints).toEqual([expect.objectContaining({ port: "metrics" })]);
    expect(container.args).toContain("--listen=$(HOST_IP):9410");
    expect(readinessProbe.exec).toBeUndefined();
    expect(readinessProbe.httpGet).toEqual({ path: "/healthz", port: "metrics" });
    expect(livenessProbe.tcpSocket).toEqual({ port: "metrics" });
  });

  test("has a rendered file", () => {
    const header = `# deploy/${name} for kubectl without kustomize. \`make manifests\` writes this file.\n`;
    expect(readFileSync(`deploy/rendered/${name}.yaml`, "utf8")).toBe(
      header + kustomizedText(`deploy/${name}`),
    );
  });
});

test("every rendered file belongs to an overlay", () => {
  expect(readdirSync("deploy/rendered").sort()).toEqual(overlays.map((name) => `${name}.yaml`).sort());
});

test.each(["openshift", "openshift-agent"])(
  "the constraints of %s allow exactly what its DaemonSet needs",
  (name) => {
    const constraints = contentOf(manifestsOf(name), "SecurityContextConstraints");
    const { metadata } = contentOf(manifestsOf(name), "DaemonSet");
    const pod = podOf(manifestsOf(name));
    expect(constraints.users).toEqual([
      `system:serviceaccount:${metadata.namespace}:${pod.serviceAccountName}`,
    ]);
    expect(constraints.allowedCapabilities).toEqual(pod.containers[0].securityContext.capabilities.add);
    expect(constraints.volumes).toEqual(["hostPath"]);
    const allowed = Object.keys(constraints).filter((key) => /^allow/.test(key) && constraints[key] === true);
    const network = isAgent(name) ? ["allowHostNetwork", "allowHostPID", "allowHostPorts"] : [];
    expect(allowed.sort()).toEqual(["allowHostDirVolumePlugin", ...network]);
  },
);

describe("components", () => {
  test("nfd selects nodes by label, in addition to architectures", () => {
    const { affinity } = podOf(kustomizedWith("agent", "nfd"));
    const [term, ...more] =
      affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    expect(more).toEqual([]);
    expect(term.matchExpressions.map(({ key }: { key: string }) => key)).toEqual([
      "kubernetes.io/os",
      "kubernetes.io/arch",
      "feature.node.kubernetes.io/pci-15b3.present",
    ]);
  });

  test("ipv6 writes the address in brackets", () => {
    const [before] = podOf(manifestsOf("agent")).containers;
    const [after] = podOf(kustomizedWith("agent", "ipv6")).containers;
    const expected = before.args.map((word: string) => word.replace("$(HOST_IP)", "[$(HOST_IP)]"));
    expect(after.args).toEqual(expected);
  });

  test("libraries adds two directories, which cannot be written", () => {
    const paths = pathsOf(podOf(kustomizedWith("agent", "libraries")));
    const added = paths.filter((path) => !pathsOf(podOf(manifestsOf("agent"))).includes(path));
    expect(added).toEqual(["`/lib64` (read-only)", "`/lib` (read-only)"]);
  });

  test("each is tested here, or belongs to an overlay", () => {
    const used = overlays.map((name) => readFileSync(`deploy/${name}/kustomization.yaml`, "utf8")).join();
    const unused = readdirSync("deploy/components").filter((name) => !used.includes(`components/${name}`));
    expect(unused).toEqual(["ipv6", "nfd"]);
  });
});
