import { type Guid, guidToBytes } from "../../../src/infiniband/guid.ts";
import type { Route } from "../../../src/ip/route.ts";
import type { LinkSettings } from "../../../src/node/link-settings.ts";
import type { AddressState, Link } from "../../../src/node/links.ts";
import type { NetdevTuning } from "../../../src/node/netdev-tuning.ts";
import { aLinkSettings } from "../../support/records.ts";

/** IF_OPER_DOWN and IF_OPER_UP, linux/if.h. */
const DOWN = 2;
const UP = 6;
/** Subnet prefix of every port, fe80::. */
const PREFIX = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];

/** Largest MTU of IPoIB in connected mode. */
export const CONNECTED_MTU = 65_520;
/** The initial settings of a netdev without hardware. */
const ETHERNET_SETTINGS: LinkSettings = {
  ...aLinkSettings,
  txQueueLength: 1000,
  broadcast: "ffffffffffff",
  mode: undefined,
  umcast: undefined,
};

/** The fixed and the initial properties of a netdev. */
export interface NetdevKind {
  /** PCI address of its function; `undefined` for a netdev without hardware, which includes pkey children. */
  readonly pci: string | undefined;
  readonly address: Uint8Array;
  readonly mtu: number;
  /** Largest possible MTU; for IPoIB, in datagram mode. */
  readonly longestMtu: number;
  /** For a pkey child: the netdev from which it was created. */
  readonly parent?: Netdev;
}

/** A netdev. It stores neither its namespace nor its index: its namespace (Netns) has both. */
export class Netdev {
  name = "";
  altnames: string[] = [];
  mtu: number;
  up = false;
  carrier = false;
  addresses: AddressState[] = [];
  routes: Route[] = [];
  /** Other settings, which a move keeps. */
  link: LinkSettings;
  /** Settings that rtnetlink does not report. */
  tuning: NetdevTuning = ["features=4800,400", "coalesce="];
  /** IDs of its tcx programs, which a process holds. */
  tcx: readonly number[] = [];
  /** Whether its driver refuses changes of the tuning. */
  isTuningFixed = false;
  /** Whether a process holds its XDP program by a bpf_link, so that no other process can detach the program. */
  isXdpHeld = false;
  /** The bond that it is a port of. */
  master: Netdev | undefined;
  /** Its settings under /proc/sys/net/{ipv4,ipv6}/conf: "ipv6/disable_ipv6" and so on. */
  settings = new Map<string, string>();

  constructor(readonly kind: NetdevKind) {
    this.mtu = kind.mtu;
    this.link = kind.pci === undefined ? ETHERNET_SETTINGS : aLinkSettings;
  }

  /** Largest possible MTU in the present mode. */
  get longestMtu(): number {
    return this.link.mode === 1 ? CONNECTED_MTU : this.kind.longestMtu;
  }

  /** Takes the netdev down, as a move does: it loses addresses, routes and bond. */
  close(): void {
    this.master = undefined;
    this.up = false;
    this.carrier = false;
    this.addresses = [];
    this.routes = [];
  }

  /**
   * Returns the link as RTM_GETLINK reports it.
   * @param lower the index of its parent, in the parent's namespace: the kernel does not report which namespace that
   * is.
   * @param master the index of its master.
   */
  describe(index: number, lower: number | undefined, master: number | undefined): Link {
    return {
      index,
      name: this.name,
      altnames: [...this.altnames],
      mtu: this.mtu,
      up: this.up,
      carrier: this.carrier,
      operstate: this.up && this.carrier ? UP : DOWN,
      address: this.kind.address,
      pci: this.kind.pci,
      settings: this.link,
      child: lower !== undefined && lower !== index,
      master,
    };
  }
}

/** Returns an IPoIB hardware address: flags and QPN, subnet prefix, port GUID (RFC 4391, section 9.1.1). */
export function ipoibAddress(queuePair: number, portGuid: Guid): Uint8Array {
  const number = [queuePair >> 16, queuePair >> 8, queuePair].map((byte) => byte & 0xff);
  return Uint8Array.from([0x80, ...number, ...PREFIX, ...guidToBytes(portGuid)]);
}

/**
 * Creates a netdev of IPoIB as a probe leaves it: in datagram mode, down.
 * @param portMtu the MTU of its port; the MTU of the broadcast group is 2048.
 */
export function ipoib(pci: string, address: Uint8Array, portMtu = 4096): Netdev {
  return new Netdev({ pci, address, mtu: Math.min(portMtu, 2048) - 4, longestMtu: portMtu - 4 });
}

/** Creates a pkey child: it has the port GUID of its parent, and no PCI function (seen on Linux 6.12). */
export function pkeyChild(parent: Netdev): Netdev {
  return new Netdev({ pci: undefined, address: parent.kind.address, mtu: 2044, longestMtu: 4092, parent });
}

/** Creates a netdev without hardware (veth, dummy). */
export function virtual(mtu = 1500): Netdev {
  return new Netdev({
    pci: undefined,
    address: Uint8Array.of(2, 0, 0, 0, 0, 1),
    mtu,
    longestMtu: 65_535,
  });
}
