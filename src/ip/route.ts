/** A route to add. The kernel's default applies to a number that is `undefined`. */
export interface Route {
  /** CIDR. */
  readonly dst: string;
  /**
   * Gateway; `undefined` if the destination is on the link. In the result of an IPAM plugin, `undefined` is the first gateway
   * of the route's family, if there is one.
   */
  readonly gw: string | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  /** Bytes. */
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  /** Default: main (254). 0 is a value (unspecified). */
  readonly table?: number | undefined;
  /** Default: universe (0). */
  readonly scope?: number | undefined;
}

/** A route that the kernel has. */
export interface RouteState {
  /** CIDR; "0.0.0.0/0" or "::/0" for the default route. */
  readonly dst: string;
  /** `undefined` if the destination is on the link. */
  readonly gw: string | undefined;
  readonly table: number;
  /** The kernel's metric; 0 if the route has no metric. */
  readonly priority: number;
}
