// The effects that a call can have instead of all: incomplete changes, and answers other than the true one.
import { TimeoutError } from "../../../src/node/clock.ts";
import type { Lock } from "../../../src/node/files.ts";
import type { Watch } from "../../../src/node/links.ts";
import type { Namespace } from "../../../src/node/namespaces.ts";
import type { Node } from "../../../src/node/node.ts";
import type { Child } from "../../../src/node/processes.ts";
import { changeNamespace } from "../model/link-requests.ts";
import { UNREADABLE_VF_CONFIG } from "../model/links.ts";
import type { Machine } from "../model/machine.ts";
import { netnsOf } from "../model/netns.ts";
import { Refusal } from "../model/refusal.ts";

/** Effects by name. A change that can fail without an effect has "nothing". */
export type Parts<T = unknown> = Readonly<Record<string, () => T>>;

/** The parts of a node, and the objects that their calls return. */
interface CalledObjects extends Node {
  readonly namespace: Namespace;
  readonly lock: Lock;
  readonly child: Child;
  readonly watch: Watch;
}

/** The name of a call, such as "links.move"; "namespace.cookie" is a property that is read by a system call. */
export type CallName =
  | { [Name in keyof CalledObjects]: `${Name}.${MethodOf<CalledObjects[Name]>}` }[keyof CalledObjects]
  | "namespace.cookie";

type MethodOf<Called> = {
  [Member in keyof Called & string]: Called[Member] extends (...args: never) => unknown ? Member : never;
}[keyof Called & string];

/** The machine on which a call is made, and the implementation without faults. */
interface On<Called> {
  readonly machine: Machine;
  readonly real: Called;
}

/** A function for each call, which returns the partial effects of the call with its arguments. */
type Effects = {
  readonly [Name in keyof CalledObjects]?: {
    readonly [Call in keyof CalledObjects[Name]]?: CalledObjects[Name][Call] extends (
      ...args: infer Args
    ) => infer Result
      ? (on: On<CalledObjects[Name]>, ...args: Args) => Parts<Result>
      : never;
  };
};

const nothing = () => ({ nothing() {} });

/** The calls that change the node. */
const changes: Effects = {
  files: {
    create: () => ({ nothing: () => true }),
    patch: nothing,
    replaceForeign: ({ machine }, _path, text, _mode, temporary) => ({
      nothing() {},
      temporary: () => machine.files.write(temporary, text),
    }),
    rename: nothing,
    remove: nothing,
    makeDirectory: nothing,
    removeDirectory: nothing,
    addLine: ({ machine }, path, line, limit, deadline, shorten) => ({
      nothing() {},
      // The state after a kill while the shorter file is written.
      temporary() {
        const old = machine.files.read(path) ?? "";
        if (old !== "" && old.length + line.length > limit)
          machine.files.write(`${path}.new`, shorten(old + line));
      },
      "time is up": () => timeIsUp(machine, deadline, `the lock ${path}`),
    }),
  },
  functions: {
    unbind: nothing,
    bind: ({ machine, real }, pci, driver) => ({
      nothing() {},
      // The state after a kill of all processes in the middle of the bind.
      "no netdev": () => {
        real.bind(pci, driver);
        for (const [, netdev] of machine.host.ofFunction(pci)) machine.host.remove(netdev);
      },
    }),
  },
  links: {
    setTuning: nothing,
    remove: nothing,
    setVfConfig: ({ real }, pf, vf, { nodeGuid, portGuid, linkState }) => ({
      nothing() {},
      "no node GUID": () => real.setVfConfig(pf, vf, { linkState, portGuid }),
      "no port GUID": () => real.setVfConfig(pf, vf, { linkState, nodeGuid }),
    }),
    move: ({ real }, from, index, to, name) => ({
      nothing() {},
      "moved, not renamed": () => void changeNamespace(netnsOf(from), index, netnsOf(to), name),
      "moved, not set": () => real.move(from, index, to, name),
    }),
    set: ({ real }, where, index, { up }) => ({
      nothing() {},
      down: () => real.set(where, index, up === false ? { up } : {}),
    }),
    setMtu: (_, where, index, mtu) => ({
      nothing: () => Math.min(mtu, netnsOf(where).require(index, "set its MTU").longestMtu),
    }),
    setSettings: ({ real }, where, index, _now, settings) => ({
      nothing() {},
      // The XDP programs stay.
      set: () => real.setSettings(where, index, settings, settings),
    }),
    addAltnames: ({ real }, where, index, names) => ({
      nothing() {},
      first: () => real.addAltnames(where, index, names.slice(0, 1)),
    }),
    removeAltnames: ({ real }, where, index, names) => ({
      nothing() {},
      first: () => real.removeAltnames(where, index, names.slice(0, 1)),
    }),
    configure: ({ real }, where, index, addresses, routes) => ({
      nothing() {},
      "no addresses": () => real.configure(where, index, [], routes),
      "no routes": () => real.configure(where, index, addresses, []),
    }),
  },
  rdma: { move: nothing, rename: nothing, setAdaptiveModeration: nothing },
  namespaces: { set: nothing },
  lock: { write: nothing },
  // Without these changes the plugin cannot continue, or nothing that a test compares is different.
  processes: { start: () => ({}) },
  child: { kill: () => ({}) },
  logs: { append: () => ({}), send: () => ({}) },
};

/** Answers other than the true one, and waits that end for another reason. */
const answers: Effects = {
  links: {
    physical: ({ real }, pf, vf) => ({
      silent: () => {
        const found = real.physical(pf, vf);
        return found && { ...found, vf: UNREADABLE_VF_CONFIG };
      },
    }),
    tcxPrograms: () => ({ refused: () => undefined }),
  },
  lock: {
    acquire: ({ machine }, deadline) => ({ "time is up": () => timeIsUp(machine, deadline, "the lock") }),
  },
  watch: {
    wait: ({ machine }, deadline) => ({ "time is up": () => timeIsUp(machine, deadline, "a change") }),
  },
  child: {
    wait: ({ machine, real }, deadline, excess) => ({
      // The child hangs at that moment.
      "time is up": () => timeIsUp(machine, deadline, "the child to exit"),
      "killed by a signal": () => {
        real.kill();
        return real.wait(deadline);
      },
      "printed too much": () => {
        if (excess === "dropped") return real.wait(deadline);
        real.kill();
        throw new Refusal("EFBIG", "read the output of the child");
      },
    }),
  },
};

function timeIsUp({ time }: Machine, deadline: number, what: string): never {
  time.pass(Math.max(0, deadline - time.now));
  throw new TimeoutError(`timed out waiting for ${what}`);
}

/** A function of the tables, without the types of its call. */
type AnyEffects = (on: { machine: Machine; real: unknown }, ...args: readonly unknown[]) => Parts;

/** Returns the functions of a table by call, such as "links.move". */
function byCall(table: Effects): [string, AnyEffects][] {
  return Object.entries(table).flatMap(([name, calls]) =>
    Object.entries(calls).map(([call, effects]): [string, AnyEffects] => [
      `${name}.${call}`,
      // Each entry has the arguments of its call; here the table is read by the call's name only.
      effects as unknown as AnyEffects,
    ]),
  );
}

const known = new Map<string, AnyEffects>([...byCall(changes), ...byCall(answers)]);
const changing = new Set(byCall(changes).map(([call]) => call));

/** Reports whether a call changes the node. */
export function isChange(call: string): boolean {
  return changing.has(call);
}

/** Returns the partial effects of a call such as "links.move". */
export function partialEffectsOf(
  call: string,
  machine: Machine,
  real: unknown,
  args: readonly unknown[],
): Parts {
  return known.get(call)?.({ machine, real }, ...args) ?? {};
}
