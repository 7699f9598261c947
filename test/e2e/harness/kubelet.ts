import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import { cri, criId, message } from "./cri.ts";
import { inRepository } from "./guest.ts";
import { plugin, type TestNode } from "./node.ts";

/** The files that a guest needs for {@link startSandbox}, in addition to the option `containerd`. */
export const kubeletFiles = ["containerd.sh", "image.sh"].map((name) =>
  inRepository(`test/e2e/guest/${name}`),
);

const image = "localhost/ib-sriov:latest";
/** Address of the node in the guest. */
const hostIp = "127.0.0.1";
/** Logs of containers. */
const logs = "/tmp/pods";

/** The modes of namespaces in the CRI: of the pod, and of the node. */
const POD = 0;
const NODE = 2;
/** HostToContainer. The default, None, is 0. */
const PROPAGATION_HOST_TO_CONTAINER = 1;
/** SecurityProfile: the runtime's default is 0. */
const UNCONFINED = 1;

/** The paths that kubelet has masked, or made read-only, in containers that are not privileged (pkg/securitycontext). */
const maskedPaths = ["asound", "acpi", "kcore", "keys", "latency_stats", "timer_list", "timer_stats"]
  .concat(["sched_debug", "scsi"])
  .map((name) => `/proc/${name}`)
  .concat("/sys/firmware");
const readonlyPaths = ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`);

/** Starts containerd, with the image of the plugin. */
export async function startRuntime(node: TestNode): Promise<void> {
  // As systemd does it: mounts propagate from the host's root.
  await node.shell(`mount --make-rshared /
    bash /host/containerd.sh new
    bash /host/image.sh /tmp/ib-sriov.tar ${image} ${plugin}
    ctr -n k8s.io image import /tmp/ib-sriov.tar >/dev/null`);
}

/** A container that runs. */
export interface RunningContainer {
  /** Returns its output. */
  log(): Promise<string>;
  /** Runs a command in it, as kubelet does for a probe. Returns whether it succeeded. */
  exec(command: readonly string[]): Promise<boolean>;
  /** Ends and removes it. */
  remove(): Promise<void>;
}

/** The sandbox of a pod, in which its container runs. */
export interface Sandbox {
  /**
   * Runs the pod's container. When it is removed, the next one can run: kubelet keeps the sandbox of a pod whose
   * container is started again.
   * @param spec of the container. Its pod has the host's namespaces that the sandbox has.
   */
  run(spec: IPodSpec): Promise<RunningContainer>;
  /** Ends and removes the pod. */
  remove(): Promise<void>;
}

/** Starts the sandbox of a pod in containerd, with the requests that kubelet derives from its manifest. */
export async function startSandbox(node: TestNode, name: string, ofPod: IPodSpec): Promise<Sandbox> {
  const pod = podConfig(name, ofPod);
  const id = await criId(node, "RunPodSandbox", message({ 1: pod }));
  let attempts = 0;
  return {
    async run(spec) {
      const log = `${attempts++}.log`;
      const config = containerConfig(spec, log);
      const container = await criId(node, "CreateContainer", message({ 1: id, 2: config, 3: pod }));
      const remove = async () => {
        // Without a time in which it can end by itself.
        await cri(node, "StopContainer", message({ 1: container }));
        await cri(node, "RemoveContainer", message({ 1: container }));
      };
      try {
        await cri(node, "StartContainer", message({ 1: container }));
      } catch (error) {
        await remove();
        throw error;
      }
      return {
        log: () => node.shell(`cat ${logs}/${name}/${log}`),
        exec: async (command) => {
          const words = command.join(" ");
          const run = `ctr -n k8s.io task exec --exec-id probe ${container} ${words}`;
          return (await node.guest.execute(run)).status === 0;
        },
        remove,
      };
    },
    async remove() {
      await cri(node, "StopPodSandbox", message({ 1: id }));
      await cri(node, "RemovePodSandbox", message({ 1: id }));
    },
  };
}

function namespaces({ hostNetwork, hostPID, hostIPC }: IPodSpec): Buffer {
  const mode = (host: boolean | undefined) => (host === true ? NODE : POD);
  return message({ 1: mode(hostNetwork), 2: mode(hostPID), 3: mode(hostIPC) });
}

function podConfig(name: string, spec: IPodSpec): Buffer {
  return message({
    1: message({ 1: name, 2: `uid-of-${name}`, 3: "kube-system" }),
    3: `${logs}/${name}`,
    8: message({ 2: message({ 1: namespaces(spec) }) }),
  });
}

function containerConfig(spec: IPodSpec, log: string): Buffer {
  const [container] = spec.containers;
  if (container === undefined) throw new Error("the pod has no container");
  const expanded = (word: string) => word.replaceAll("$(HOST_IP)", hostIp);
  const mounts = (container.volumeMounts ?? []).map((mount) => {
    const volume = spec.volumes?.find(({ name }) => name === mount.name);
    return message({
      1: mount.mountPath,
      2: volume?.hostPath?.path,
      3: mount.readOnly,
      5: mount.mountPropagation === "HostToContainer" ? PROPAGATION_HOST_TO_CONTAINER : 0,
    });
  });
  const memory = /^(\d+)Mi$/.exec(String(container.resources?.limits?.memory))?.[1];
  return message({
    1: message({ 1: container.name }),
    2: message({ 1: image }),
    3: container.command,
    4: container.args?.map(expanded),
    7: mounts,
    11: log,
    15: message({
      1: message({ 4: Number(memory) * (1 << 20) }),
      2: securityContext(spec),
    }),
  });
}

function securityContext(spec: IPodSpec): Buffer {
  const { securityContext: context } = spec.containers[0] ?? {};
  const { capabilities } = context ?? {};
  return message({
    1: message({ 1: capabilities?.add, 2: capabilities?.drop }),
    2: context?.privileged,
    3: namespaces(spec),
    // Int64Value: without a value it is 0, which is root.
    5: message({ 1: context?.runAsUser }),
    7: context?.readOnlyRootFilesystem,
    11: context?.allowPrivilegeEscalation === false,
    13: maskedPaths,
    14: readonlyPaths,
    15: message({ 1: context?.seccompProfile?.type === "RuntimeDefault" ? 0 : UNCONFINED }),
  });
}
