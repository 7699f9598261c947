import { type Guid, guidToBytes } from "../../../src/infiniband/guid.ts";
import type { LinkSettings } from "../../../src/node/link-settings.ts";
import type { AddressState, Link, Route } from "../../../src/node/links.ts";
import { INITIAL_NAPI_SETTINGS, type NapiSettings } from "../../../src/node/napi-settings.ts";
import { aLinkSettings } from "../../support/records.ts";

/** IF_OPER_DOWN and IF_OPER_UP, linux/if.h. */
const DOWN = 2;
const UP = 6;
/** Subnet prefix of every port, fe80::. */
const PREFIX = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];

/** Largest MTU of IPoIB in connected mode. */
export const CONNECTED_MTU = 65_520;
/** What a netdev without hardware begins with. */
const ETHERNET_SETTINGS: LinkSettings = {
  ...aLinkSettings,
  txQueueLength: 1000,
  broadcast: "ffffffffffff",
  mode: undefined,
  umcast: undefined,
};

/** What a netdev begins with. */
export interface NetdevKind {
  /** PCI address of its function; undefined for a netdev without hardware, as pkey children are. */
  readonly pci: string | undefined;
  readonly address: Uint8Array;
  readonly mtu: number;
  /** Largest MTU that it takes; of IPoIB: in datagram mode. */
  readonly longestMtu: number;
  /** Of a pkey child: the netdev that it was made of. */
  readonly parent?: Netdev;
}

/** A netdev. Which namespace it is in, and under which index, the namespace knows. */
export class Netdev {
  name = "";
  altnames: string[] = [];
  mtu: number;
  up = false;
  carrier = false;
  addresses: AddressState[] = [];
  routes: Route[] = [];
  /** What else can be set on it; a move leaves it as it is. */
  link: LinkSettings;
  /** What sysfs alone shows of it. */
  napi: NapiSettings = INITIAL_NAPI_SETTINGS;
  /** IDs of its tcx programs, which a process holds. */
  tcx: readonly number[] = [];
  /** Does its driver refuse to change that? */
  isNapiFixed = false;
  /** Does a process hold its XDP program by a bpf_link? Then nobody else can detach it. */
  isXdpHeld = false;
  /** The bond that it is a port of. */
  master: Netdev | undefined;
  /** What it has under /proc/sys/net/{ipv4,ipv6}/conf: "ipv6/disable_ipv6" and so on. */
  settings = new Map<string, string>();

  constructor(readonly kind: NetdevKind) {
    this.mtu = kind.mtu;
    this.link = kind.pci === undefined ? ETHERNET_SETTINGS : aLinkSettings;
  }

  /** Largest MTU that it takes now. */
  get longestMtu(): number {
    return this.link.mode === 1 ? CONNECTED_MTU : this.kind.longestMtu;
  }

  /** Takes it down, as a move does: addresses and routes are lost, and the bond. */
  close(): void {
    this.master = undefined;
    this.up = false;
    this.carrier = false;
    this.addresses = [];
    this.routes = [];
  }

  /**
   * As RTM_GETLINK tells of it.
   * @param lower the index of its parent, in the parent's namespace: the kernel does not say in which that is.
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

/** An IPoIB hardware address: flags and QPN, subnet prefix, port GUID (RFC 4391, section 9.1.1). */
export function ipoibAddress(queuePair: number, portGuid: Guid): Uint8Array {
  const number = [queuePair >> 16, queuePair >> 8, queuePair].map((byte) => byte & 0xff);
  return Uint8Array.from([0x80, ...number, ...PREFIX, ...guidToBytes(portGuid)]);
}

/**
 * A netdev of IPoIB, as a probe leaves it: datagram mode, down.
 * @param portMtu what its port carries; the broadcast group carries 2048.
 */
export function ipoib(pci: string, address: Uint8Array, portMtu = 4096): Netdev {
  return new Netdev({ pci, address, mtu: Math.min(portMtu, 2048) - 4, longestMtu: portMtu - 4 });
}

/** A pkey child: it has the port GUID of its parent, and no device (seen on Linux 6.12). */
export function pkeyChild(parent: Netdev): Netdev {
  return new Netdev({ pci: undefined, address: parent.kind.address, mtu: 2044, longestMtu: 4092, parent });
}

/** A netdev without hardware (veth, dummy). */
export function virtual(mtu = 1500): Netdev {
  return new Netdev({
    pci: undefined,
    address: Uint8Array.of(2, 0, 0, 0, 0, 1),
    mtu,
    longestMtu: 65_535,
  });
}
