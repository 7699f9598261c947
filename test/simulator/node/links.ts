import type { Route, RouteState } from "../../../src/ip/route.ts";
import type { Links, VfConfig } from "../../../src/node/links.ts";
import {
  addAddress,
  addAltnames,
  addRoute,
  changeNamespace,
  detachXdp,
  moveLink,
  removeAltnames,
  removeLink,
  rename,
  setMtu,
  setSettings,
} from "../model/link-requests.ts";
import type { Netns } from "../model/netns.ts";
import type { Gate } from "./gate.ts";
import { netnsOf } from "./namespaces.ts";
import { setVfConfig, vfConfig } from "./vf-config.ts";
import { watchOf } from "./watch.ts";

/** The settings that the plugin's `set` can change. */
type Wanted = Parameters<Links["set"]>[2];

/** Netdevs of the model, as rtnetlink shows them. */
export function linksOf(gate: Gate): Links {
  const { machine } = gate;
  const describe = (where: Netns, found: ReturnType<Netns["named"]>) =>
    found && machine.describe(where, found[0]);
  const all = (where: Netns, found: Netns["netdevs"]) => found.flatMap((each) => describe(where, each) ?? []);
  return {
    byName: (where, name) =>
      gate.ask("links.byName", name, () => describe(netnsOf(where), netnsOf(where).named(name))),
    byIndex: (where, index) =>
      gate.ask("links.byIndex", String(index), () => machine.describe(netnsOf(where), index)),
    ofFunction: (namespace, pci) =>
      gate.ask("links.ofFunction", `${pci} in ${netnsOf(namespace).label}`, () =>
        all(netnsOf(namespace), netnsOf(namespace).ofFunction(pci)),
      ),
    ofIpoib: (where) =>
      gate.ask("links.ofIpoib", netnsOf(where).label, () => all(netnsOf(where), netnsOf(where).netdevs)),
    remove: (where, index) => {
      const netns = netnsOf(where);
      const subject = `${index} of ${netns.label}`;
      gate.change("links.remove", subject, () => removeLink(netns, index), { nothing() {} });
    },
    physical: (pf, vf) => {
      const silent: VfConfig = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
      const answer = (config: (index: number) => VfConfig | undefined) => () => {
        const link = describe(machine.host, machine.host.ofFunction(pf)[0]);
        return link && { link, vf: config(link.index) ?? silent };
      };
      return gate.ask(
        "links.physical",
        `${pf} ${vf}`,
        answer((index) => vfConfig(machine, index, vf)),
        { silent: answer(() => silent) },
      );
    },
    setVfConfig: (pf, vf, wanted) => {
      const subject = `${pf} ${vf} ${Object.values(wanted).join(" ")}`;
      const set = (which: (key: string) => boolean) => () => setVfConfig(machine, pf, vf, wanted, which);
      gate.change(
        "links.setVfConfig",
        subject,
        set(() => true),
        {
          nothing() {},
          "no node GUID": set((key) => key !== "nodeGuid"),
          "no port GUID": set((key) => key !== "portGuid"),
        },
      );
    },
    move: (from, index, to, name, wanted = {}) => {
      const [source, target] = [netnsOf(from), netnsOf(to)];
      gate.change(
        "links.move",
        `${index} of ${source.label} to ${target.label} as ${name} ${JSON.stringify(wanted)}`,
        () => {
          const { mtu, up } = wanted;
          set(gate, target, move(gate, source, index, target, name, mtu), up === undefined ? {} : { up });
        },
        {
          nothing() {},
          "moved, not renamed": () => void changeNamespace(source, index, target, name),
          "moved, not set": () => void move(gate, source, index, target, name),
        },
      );
    },
    set: (where, index, wanted) => {
      const netns = netnsOf(where);
      gate.change("links.set", `${index} ${JSON.stringify(wanted)}`, () => set(gate, netns, index, wanted), {
        nothing() {},
        down: () => set(gate, netns, index, wanted.up === false ? { up: false } : {}),
      });
    },
    setMtu: (where, index, mtu) => {
      const netns = netnsOf(where);
      const allowed = () => Math.min(mtu, netns.require(index, `set the MTU of ${index}`).longestMtu);
      gate.change(
        "links.setMtu",
        `${index} ${mtu}`,
        () => setMtu(netns, netns.require(index, "set its MTU"), allowed()),
        { nothing() {} },
      );
      return allowed();
    },
    setSettings: (where, index, now, settings) => {
      const netns = netnsOf(where);
      const isLeft = (is: number, was: number) => is === 0 || is === was;
      const set = () => setSettings(netns, netns.require(index, "set its settings"), settings);
      const detach = () => {
        if (isLeft(now.xdpGeneric, settings.xdpGeneric) && isLeft(now.xdpDriver, settings.xdpDriver)) return;
        detachXdp(netns, netns.require(index, "detach its XDP program"));
      };
      gate.change("links.setSettings", `${index}`, () => inOneSend([set, detach]), { nothing() {}, set });
    },
    tcxPrograms: (index) =>
      gate.ask(
        "links.tcxPrograms",
        `${index}`,
        () => [...gate.machine.host.require(index, "look for its tcx programs").tcx],
        { refused: () => undefined },
      ),
    addAltnames: (where, index, names) => {
      if (names.length === 0) return;
      const netns = netnsOf(where);
      const add = (which: readonly string[]) => () =>
        addAltnames(netns, netns.require(index, "add alternative names"), which);
      gate.change("links.addAltnames", names.join(" "), add(names), {
        nothing() {},
        first: add(names.slice(0, 1)),
      });
    },
    removeAltnames: (where, index, names) => {
      if (names.length === 0) return;
      const netns = netnsOf(where);
      const remove = (which: readonly string[]) => () =>
        removeAltnames(netns, netns.require(index, "remove alternative names"), which);
      gate.change("links.removeAltnames", names.join(" "), remove(names), {
        nothing() {},
        first: remove(names.slice(0, 1)),
      });
    },
    configure: (where, index, addresses, routes) => {
      const netns = netnsOf(where);
      const configure = (some: typeof addresses, others: typeof routes) => () => {
        const netdev = netns.require(index, "configure");
        netdev.settings.set("ipv4/arp_notify", "1");
        // The kernel continues after a request that failed.
        inOneSend([
          ...some.map((address) => () => addAddress(netns, netdev, address)),
          () => machine.setUp(netns, netdev, true),
          ...others.map((route) => () => addRoute(netns, netdev, route)),
        ]);
      };
      gate.change(
        "links.configure",
        `${index} ${addresses.map((each) => each.cidr).join(" ")}`,
        configure(addresses, routes),
        {
          nothing() {},
          "no addresses": configure([], routes),
          "no routes": configure(addresses, []),
        },
      );
    },
    pkey: (where, index) =>
      gate.ask("links.pkey", String(index), () => {
        const vf = machine.bus.vfs.get(netnsOf(where).at(index)?.kind.pci ?? "");
        // IPoIB takes the pkey from the table, and sets the membership bit.
        return vf && vf.pkey | 0x8000;
      }),
    addresses: (where, index) =>
      gate.ask("links.addresses", String(index), () => [...(netnsOf(where).at(index)?.addresses ?? [])]),
    routes: (where, index, family) =>
      gate.ask("links.routes", `${index} IPv${family}`, () => {
        const routes = netnsOf(where).at(index)?.routes ?? [];
        return routes.filter(({ dst }) => dst.includes(":") === (family === 6)).map(asListed);
      }),
    watch: (where) => {
      const netns = netnsOf(where);
      return watchOf(gate, "links.watch", netns.label, () => netns.changes);
    },
  };
}

/** Returns a route as the kernel lists it, with the kernel's defaults. */
function asListed({ dst, gw, table = 254, priority }: Route): RouteState {
  return { dst, gw, table, priority: priority ?? (dst.includes(":") ? 1024 : 0) };
}

/** Moves a netdev, which takes it down, so that it can be renamed; within one namespace, it is only renamed. */
function move({ machine }: Gate, from: Netns, index: number, to: Netns, name: string, mtu?: number): number {
  const netdev = from.require(index, `move link ${index}`);
  if (from === to && netdev.name !== name) machine.requireRenamable(netdev);
  return moveLink(from, index, to, name, mtu);
}

/**
 * Changes settings. Down goes first, in a separate message; then MTU, name and up, in a message that stops at the first
 * error.
 */
function set({ machine }: Gate, netns: Netns, index: number, { name, mtu, up }: Wanted): void {
  const netdev = netns.require(index, `set link ${index}`);
  if (up === false) machine.setUp(netns, netdev, false);
  if (mtu !== undefined) setMtu(netns, netdev, mtu);
  if (name !== undefined) {
    machine.requireRenamable(netdev);
    rename(netns, netdev, name);
  }
  if (up === true) machine.setUp(netns, netdev, true);
}

/** Makes all requests, even if some fail, and then throws the first error. */
function inOneSend(requests: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const request of requests) {
    try {
      request();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
