import type { Session } from "../../attachment/lock/session.ts";
import type { JsonObject } from "../../cni/document.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../infiniband/derived-guid.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Inventory, Port } from "../../node/inventory.ts";
import type { LinkState } from "../../node/links.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import { pause } from "../pause.ts";
import type { FreeVf } from "./free-vfs.ts";
import { TestNetns } from "./netns.ts";
import { IFNAME, LOG_FILE, type PluginAnswer, PluginCall, type Verb } from "./plugin-call.ts";
import { differences, readVfState, type VfState } from "./vf-state.ts";

/** Name of the network of the selftest, by which its records are recognized. */
export const NETWORK = "ib-sriov-selftest";
/** Time for udev to rename the devices of a VF after DEL, ms, and pause between two looks. */
const SETTLE_TIME = 3000;
const SETTLE_PAUSE = 50;

/** Durations of the phases of a VF's test, ms. A phase that was not measured is missing. */
export interface Timings {
  add?: number | undefined;
  unbind?: number | undefined;
  bind?: number | undefined;
  netdev?: number | undefined;
  carrier?: number | undefined;
  dad?: number | undefined;
  ping?: number | undefined;
  check?: number | undefined;
  del?: number | undefined;
}

/** The members that all VFs of a selftest share. */
export interface SelftestContext {
  readonly session: Session;
  readonly inventory: Inventory;
  /** Time limit of a call, s. */
  readonly timeout: number;
  readonly isExclusive: boolean;
}

/** A VF that is tested, and its present attachment. */
export class TestedVf {
  readonly pci: string;
  /** PCI address of its PF. */
  readonly pf: string;
  readonly timings: Timings = {};
  readonly linkState: LinkState;
  readonly guid: Guid;
  /** The state of the VF before the test. */
  readonly before: VfState;
  private readonly function: VirtualFunction;
  private number = 0;
  private opened: TestNetns | undefined;
  /** The VF's port while the VF is attached; `undefined` if the host cannot see it. */
  port: Port | undefined;
  /** The result of ADD; `undefined` while the VF is not attached. */
  result: JsonObject | undefined;

  /** @throws {Error} if the PF does not report the VF's link policy, or no GUID can be derived for the VF. */
  constructor(
    private readonly context: SelftestContext,
    { vf, pf }: FreeVf,
  ) {
    const { node } = context.session;
    this.pci = vf.pci;
    this.pf = pf.pci;
    if (vf.config.linkState === undefined)
      throw new Error(
        `PF ${pf.pci} does not report the link policy of the VF, so that DEL could not restore it`,
      );
    this.function = node.functions.virtualFunction(vf.pci);
    // Another policy than the present one, with which the port comes up.
    this.linkState = vf.config.linkState === "enable" ? "auto" : "enable";
    this.guid = guidFor(pf.portGuid, vf.index, [
      vf.nodeGuid,
      vf.portGuid,
      ...node.functions.othersGuids(vf.pci),
    ]);
    this.before = readVfState(node, this.function);
  }

  /** The namespace of the present attachment. */
  get netns(): TestNetns {
    if (this.opened === undefined) throw new Error(`VF ${this.pci} is not attached`);
    return this.opened;
  }

  /** Starts ADD in a new namespace. */
  startAdd(): PluginCall {
    const { node } = this.context.session;
    this.closeNetns();
    this.number++;
    this.opened = new TestNetns(node);
    return this.start("ADD");
  }

  /** Starts a call for the present attachment. */
  start(verb: Exclude<Verb, "STATUS" | "GC">): PluginCall {
    const { isExclusive } = this.context;
    const network: JsonObject = {
      ...networkFor(this.context),
      deviceID: this.pci,
      guid: this.guid,
      link_state: this.linkState,
      rdmaIsolation: isExclusive,
      prevResult: verb === "CHECK" ? this.result : undefined,
    };
    // A namespace that is gone has no path: DEL is then called without one.
    const netns = this.opened?.path ?? "";
    return PluginCall.start({ verb, network, container: { id: this.name.containerId, netns } });
  }

  /** Calls DEL for the present attachment, and gives its namespace up if DEL succeeds. */
  del(): PluginAnswer {
    return this.deleted(this.start("DEL").wait());
  }

  /** Notes the answer of DEL. */
  deleted(answer: PluginAnswer): PluginAnswer {
    if (answer.error !== undefined) return answer;
    this.result = undefined;
    this.closeNetns();
    return answer;
  }

  /** Gives the namespace up, as if the container had ended without a DEL. */
  closeNetns(): void {
    this.opened?.close();
    this.opened = undefined;
  }

  /** Name of the present attachment. */
  get name() {
    const { clock } = this.context.session.node;
    return {
      containerId: `${NETWORK}-${clock.pid}-${this.pci.replaceAll(":", ".")}-${this.number}`,
      ifname: IFNAME,
    };
  }

  /** Path of the record of the present attachment; `undefined` without a record. */
  get record(): string | undefined {
    return this.context.session.state.find(this.name)?.path;
  }

  /** Describes the settings that are not as before. Waits for udev, which renames devices in the background. */
  changes(): string[] {
    const { node } = this.context.session;
    const end = node.clock.now() + SETTLE_TIME;
    for (;;) {
      const changed = differences(this.before, readVfState(node, this.function));
      if (changed.length === 0 || node.clock.now() >= end) return changed;
      pause(SETTLE_PAUSE);
    }
  }
}

/** Returns the members that all networks of the selftest have. */
export function networkFor({ timeout }: SelftestContext): JsonObject {
  return {
    cniVersion: NEWEST_VERSION,
    name: NETWORK,
    type: "ib-sriov",
    timeoutSeconds: timeout,
    logFile: LOG_FILE,
    logLevel: "debug",
  };
}

/** Returns a derived GUID that no device has, so that ADD must rebind the VF. */
function guidFor(port: Guid | undefined, index: number, taken: readonly (Guid | undefined)[]): Guid {
  const choices =
    port === undefined
      ? []
      : Array.from({ length: DERIVED_GUIDS }, (_, choice) => derivedGuid(port, index, choice));
  const free = choices.find((guid) => !taken.includes(guid));
  if (free === undefined) throw new Error("no GUID can be derived from the port GUID of its PF");
  return free;
}
