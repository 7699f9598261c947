import type { Child, Program } from "./process.ts";

/** Time that each of its steps takes, ms. */
const STEP = 2;
/** The holder of an address whose file is still empty; no release finds it. */
const EMPTY = "(empty file)";

/** Container and interface that have an address; {@link EMPTY} if its file was created but not yet written. */
type Holder = string;

/** The part of a configuration that host-local reads. */
interface Configuration {
  readonly name: string;
  readonly cniVersion?: string;
  readonly ipam: {
    readonly ranges: readonly (readonly { readonly subnet: string; readonly gateway?: string }[])[];
    readonly routes?: readonly object[];
  };
}

/**
 * host-local of the CNI plugins: leases of addresses, keyed by network, container and interface. Like the real
 * host-local, it refuses a second lease of the same key, creates the file of an address before it writes the holder
 * into it, and a release of a key without leases succeeds.
 */
export class HostLocal {
  /** Holders by network and address, such as "mynet 10.1.0.2". */
  readonly leases = new Map<string, Holder>();
  /** Time that ADD takes before it looks for an address, ms. */
  startTime = STEP;

  readonly program: Program = (child) => {
    const config = JSON.parse(child.stdin) as Configuration;
    const holder = `${child.environment.get("CNI_CONTAINERID")} ${child.environment.get("CNI_IFNAME")}`;
    switch (child.environment.get("CNI_COMMAND")) {
      case "ADD":
        child.after(this.startTime, () => this.#add(child, config, holder));
        break;
      case "DEL":
        child.after(STEP, () => {
          this.#release(config.name, holder);
          child.after(STEP, () => child.exit(0, ""));
        });
        break;
      // The real host-local does nothing for these verbs either.
      case "GC":
      case "STATUS":
        child.after(STEP, () => child.exit(0, ""));
        break;
      default: {
        const has = [...this.leases].some(
          ([key, each]) => key.startsWith(`${config.name} `) && each === holder,
        );
        if (has) child.exit(0, "");
        else child.exit(1, JSON.stringify({ code: 100, msg: `${holder} has no address` }));
      }
    }
  };

  #add(child: Child, config: Configuration, holder: Holder): void {
    const held = [...this.leases].find(([key, each]) => key.startsWith(`${config.name} `) && each === holder);
    if (held !== undefined) {
      const msg = `failed to allocate for range 0: ${held[0]} has been allocated to ${holder}, duplicate allocation is not allowed`;
      child.exit(1, JSON.stringify({ code: 999, msg }));
      return;
    }
    const ips = config.ipam.ranges.flatMap(([range]) =>
      range === undefined ? [] : [this.#reserve(config.name, range.subnet, range.gateway)],
    );
    child.after(STEP, () => {
      for (const { key } of ips) this.leases.set(key, holder);
      const result = {
        cniVersion: config.cniVersion,
        ips: ips.map(({ address, gateway }) => ({ address, gateway })),
        routes: config.ipam.routes,
      };
      child.after(STEP, () => child.exit(0, JSON.stringify(result)));
    });
  }

  /** Reserves the first free address of a subnet; .1 is the gateway's. */
  #reserve(network: string, subnet: string, gateway: string | undefined) {
    const [base = "", prefix = ""] = subnet.split("/");
    const stem = base.includes(":") ? base : base.slice(0, base.lastIndexOf(".") + 1);
    for (let number = 2; ; number++) {
      const key = `${network} ${stem}${number}`;
      if (this.leases.has(key)) continue;
      this.leases.set(key, EMPTY);
      return { key, address: `${stem}${number}/${prefix}`, gateway: gateway ?? `${stem}1` };
    }
  }

  #release(network: string, holder: Holder): void {
    for (const [key, each] of this.leases) {
      if (key.startsWith(`${network} `) && each === holder) this.leases.delete(key);
    }
  }
}
