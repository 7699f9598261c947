import { type Namespace, NamespaceError, type Namespaces } from "../../../src/node/namespaces.ts";
import type { Netdev } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";
import { Refusal } from "../model/refusal.ts";
import type { Gate } from "./gate.ts";

/** A namespace of the model that a process has open. */
class Handle implements Namespace {
  constructor(
    readonly path: string,
    readonly netns: Netns,
    private readonly gate: Gate,
  ) {}

  /** On Linux this makes a socket in the namespace, so it can fail. */
  get cookie(): string {
    return this.gate.ask("namespace.cookie", this.netns.label, () => this.netns.cookie);
  }
}

/** Returns the model's namespace of an open one. */
export function netnsOf(namespace: Namespace): Netns {
  if (namespace instanceof Handle) return namespace.netns;
  throw new TypeError(`namespace ${namespace.path} was opened by another node`);
}

/** Namespaces of the model. */
export function namespacesOf(gate: Gate): Namespaces {
  const { machine, process } = gate;
  return {
    host: new Handle("", machine.host, gate),
    open: (path) =>
      gate.ask("namespaces.open", path, () => {
        const netns = machine.paths.get(path);
        if (netns !== undefined) {
          process.pin(netns);
          return new Handle(path, netns, gate);
        }
        const isThere = machine.files.texts.has(path);
        throw new NamespaceError(isThere ? "other" : "gone", path, `no network namespace at "${path}"`);
      }),
    inhabited: (namespace) =>
      gate.ask("namespaces.inhabited", netnsOf(namespace).label, () => netnsOf(namespace).inhabited),
    setting: (namespace, key) =>
      gate.ask("namespaces.setting", key, () => {
        const { netdev, name } = settingAt(netnsOf(namespace), key);
        return netdev?.settings.get(name);
      }),
    set: (namespace, key, value) =>
      gate.change(
        "namespaces.set",
        `${key} ${value}`,
        () => {
          const { netdev, name } = settingAt(netnsOf(namespace), key);
          if (netdev === undefined || !netdev.settings.has(name)) throw new Refusal("ENOENT", `write ${key}`);
          netdev.settings.set(name, value);
        },
        { nothing() {} },
      ),
  };
}

/** Returns the netdev and the setting of a key such as "ipv6/conf/net1/disable_ipv6". */
function settingAt(
  netns: Netns,
  key: string,
): { readonly netdev: Netdev | undefined; readonly name: string } {
  const [family, , name = "", setting] = key.split("/");
  const found = netns.netdevs.find(([, netdev]) => netdev.name === name);
  return { netdev: found?.[1], name: `${family}/${setting}` };
}
