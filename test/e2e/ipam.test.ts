// Addresses and routes: host-local, results of other IPAM plugins, and connections between pods.
import { describe, expect, test } from "vitest";
import { hostLocal, network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [first, second] = vfs;
const one = "02:00:00:00:00:00:00:01";
const two = "02:00:00:00:00:00:00:02";

/** Returns the addresses of a pod's net1, without those that the kernel gives every interface. */
const addressesOf = async (pod: string) =>
  (await node.podInterface(pod)).addr_info
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((address) => !address.startsWith("fe80:"));

const routesOf = async (pod: string, family: "-4" | "-6" = "-4") =>
  (
    await node.shell(
      `ip -n ${pod} ${family} route show table all dev net1 | grep -v 'table local\\|^fe80\\|^multicast'`,
    )
  )
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");

const ping = (pod: string, address: string) =>
  node.until(`ip netns exec ${pod} ping -q -c 1 -W 1 ${address} >/dev/null`);

describe("host-local", () => {
  test("gives an IPv4 address, which the result contains", () =>
    node.unchanged(async () => {
      const config = network(first, { guid: one, ipam: hostLocal(["10.1.0.0/24"]) });
      const result = await node.add("a", config);
      const [ip] = result.ips ?? [];
      expect(result.ips).toEqual([{ address: ip?.address, gateway: "10.1.0.1", interface: 0 }]);
      expect(await addressesOf("a")).toEqual([ip?.address]);
      await node.del("a", config);
    }));

  test("gives an IPv6 address, although IPv6 is switched off in the pod", () =>
    node.unchanged(async () => {
      const config = network(first, { ipam: hostLocal(["fd00:1::/64"]) });
      await node.shell(
        "ip netns add off; ip netns exec off sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'",
      );
      const result = await node.add("off", config);
      expect(await addressesOf("off")).toEqual(result.ips?.map(({ address }) => address));
      expect(result.ips).toHaveLength(1);
      await node.del("off", config);
      await node.shell("ip netns del off");
    }));

  test.each([
    ["with the GUID that the VF has", {}],
    ["with another GUID", { guid: one }],
  ])("gives an address in the plugin's own namespace (CNI_NETNS_OVERRIDE), %s; DEL removes it", (_, more) =>
    node.unchanged(async () => {
      const routes = [{ dst: "10.9.0.0/16" }];
      const config = network(first, { ...more, ipam: hostLocal(["10.1.0.0/24"], { routes }) });
      const own = "/proc/1/ns/net";
      const environment = { CNI_NETNS_OVERRIDE: "true" };
      const result = await node.add(own, config, { environment });
      expect(await node.shell("ip -4 address show dev net1")).toContain(result.ips?.[0]?.address);
      expect(await node.shell("ip route show dev net1")).toContain("10.9.0.0/16");
      await node.del(own, config, { environment });
    }),
  );

  test("gives an IPv4 and an IPv6 address, and routes", () =>
    node.unchanged(async () => {
      const routes = [{ dst: "10.9.0.0/16" }, { dst: "fd09::/48" }, { dst: "10.8.0.0/16", gw: "10.1.0.9" }];
      const config = network(first, {
        link_state: "enable",
        ipam: hostLocal(["10.1.0.0/24", "fd00:1::/64"], { routes }),
      });
      const result = await node.add("a", config);
      expect(result.routes).toEqual(routes);
      expect((await addressesOf("a")).sort()).toEqual(result.ips?.map(({ address }) => address).sort());
      // A route without a gateway uses the gateway of the first address of its family, as with all CNI plugins.
      expect(await routesOf("a")).toEqual(
        expect.arrayContaining(["10.9.0.0/16 via 10.1.0.1", "10.8.0.0/16 via 10.1.0.9"]),
      );
      expect(await routesOf("a", "-6")).toContainEqual(expect.stringMatching(/^fd09::\/48 via fd00:1::1/));
      await node.del("a", config);
    }));

  test("has a lease for each interface of a container, which the DEL of this interface releases", () =>
    node.unchanged(async () => {
      const configs = [first, second].map((vf) => network(vf, { ipam: hostLocal(["10.1.0.0/24"]) }));
      for (const [i, config] of configs.entries()) await node.add("a", config, { ifname: `net${i}` });
      expect((await node.shell("ls /var/lib/cni/networks/mynet | grep -c ^10.")).trim()).toBe("2");
      await node.del("a", configs[0] ?? {}, { ifname: "net0" });
      expect((await node.shell("ls /var/lib/cni/networks/mynet | grep -c ^10.")).trim()).toBe("1");
      await node.del("a", configs[1] ?? {}, { ifname: "net1" });
    }));
});

describe("the result of an IPAM plugin", () => {
  const ipam = { type: "fake" };
  /** Installs an IPAM plugin that answers ADD with a result. */
  const answer = (result: object) =>
    node.plugin("fake", `[ $CNI_COMMAND != ADD ] || cat <<'END'\n${JSON.stringify(result)}\nEND`);

  test("may have routes with mtu, advmss, priority, table and scope", () =>
    node.unchanged(async () => {
      await answer({
        cniVersion: "1.1.0",
        ips: [
          { address: "10.1.0.5/24", gateway: "10.1.0.1" },
          { address: "fd00:1::5/64", gateway: "fd00:1::1" },
        ],
        routes: [
          { dst: "10.2.0.0/16", gw: "10.1.0.1", mtu: 1400, advmss: 1360 },
          { dst: "10.3.0.0/16", gw: "10.1.0.1", priority: 50 },
          { dst: "10.4.0.0/16", gw: "10.1.0.9", table: 100 },
          // RT_SCOPE_LINK: these routes do not use the gateway of the address.
          { dst: "10.5.0.0/16", scope: 253 },
          { dst: "fd05::/48", scope: 253 },
        ],
      });
      const config = network(first, { cniVersion: "1.1.0", link_state: "enable", ipam });
      const result = await node.add("a", config);
      expect(result.routes).toHaveLength(5);
      const routes = await routesOf("a");
      expect(routes).toContainEqual(
        expect.stringMatching(/^10\.2\.0\.0\/16 via 10\.1\.0\.1 .*mtu 1400 advmss 1360/),
      );
      expect(routes).toContainEqual(expect.stringMatching(/^10\.3\.0\.0\/16 via 10\.1\.0\.1 .*metric 50/));
      expect(routes).toContainEqual(expect.stringMatching(/^10\.4\.0\.0\/16 via 10\.1\.0\.9 .*table 100/));
      expect(routes).toContainEqual(expect.stringMatching(/^10\.5\.0\.0\/16 scope link/));
      expect(await routesOf("a", "-6")).toContainEqual(expect.stringMatching(/^fd05::\/48 metric/));
      const check = { ...config, prevResult: result };
      expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({ status: 0 });
      await node.del("a", config);
    }));

  test("may be of an old version", () =>
    node.unchanged(async () => {
      await answer({
        cniVersion: "0.2.0",
        ip4: { ip: "10.1.0.5/24", gateway: "10.1.0.1", routes: [{ dst: "10.2.0.0/16" }] },
      });
      const config = network(first, { ipam });
      const result = await node.add("a", config);
      expect(result).toMatchObject({
        cniVersion: "1.0.0",
        ips: [{ address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 0 }],
        routes: [{ dst: "10.2.0.0/16" }],
      });
      expect(await addressesOf("a")).toEqual(["10.1.0.5/24"]);
      await node.del("a", config);
    }));

  test.each(["0.1.0", "0.2.0"])("is printed in version %s", (cniVersion) =>
    node.unchanged(async () => {
      const config = network(first, { cniVersion, ipam: hostLocal(["10.1.0.0/24", "fd00:1::/64"]) });
      const result = await node.add("a", config);
      expect(result).toEqual({
        cniVersion,
        ip4: { ip: expect.stringMatching(/^10\.1\.0\.\d+\/24$/), gateway: "10.1.0.1" },
        ip6: { ip: expect.stringMatching(/^fd00:1::\w+\/64$/), gateway: "fd00:1::1" },
        dns: {},
      });
      await node.del("a", config);
    }),
  );

  test.each(["0.3.0", "0.3.1", "0.4.0"])("is printed in version %s", (cniVersion) =>
    node.unchanged(async () => {
      const dns = { nameservers: ["10.1.0.1"] };
      const config = network(first, { cniVersion, dns, ipam: hostLocal(["10.1.0.0/24"]) });
      const result = await node.add("a", config);
      const { address } = await node.podInterface("a");
      expect(result).toEqual({
        cniVersion,
        interfaces: [{ name: "net1", mac: address, sandbox: "/run/netns/a" }],
        ips: [
          { version: "4", interface: 0, address: expect.stringMatching(/^10\.1\.0\./), gateway: "10.1.0.1" },
        ],
        dns,
      });
      await node.del("a", config);
    }),
  );

  test("is added to the result of the previous plugins", () =>
    node.unchanged(async () => {
      const prevResult = {
        cniVersion: "1.0.0",
        interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/a" }],
        ips: [{ address: "192.0.2.1/24", interface: 0 }],
      };
      const config = network(first, { prevResult, ipam: hostLocal(["10.1.0.0/24"]) });
      const result = await node.add("a", config);
      expect(result.interfaces?.map(({ name }) => name)).toEqual(["eth0", "net1"]);
      expect(result.ips).toEqual([
        { address: "192.0.2.1/24", interface: 0 },
        { address: expect.stringMatching(/^10\.1\./), gateway: "10.1.0.1", interface: 1 },
      ]);
      expect(await addressesOf("a")).toHaveLength(1);
      await node.del("a", { ...config, prevResult: result });
    }));
});

describe("pods", () => {
  const config = (vf: string, guid: string, subnets = ["10.1.0.0/24", "fd00:1::/64"]) =>
    network(vf, { guid, link_state: "enable", ipam: hostLocal(subnets) });
  const hostOf = (address: string | undefined) => (address ?? "").split("/")[0] ?? "";

  test("ping each other, IPv4 and IPv6", () =>
    node.unchanged(async () => {
      await node.add("a", config(first, one));
      const result = await node.add("b", config(second, two), { container: "c2" });
      for (const { address } of result.ips ?? []) await ping("a", hostOf(address));
      await node.del("a", config(first, one));
      await node.del("b", config(second, two), { container: "c2" });
    }));

  // Pod a knows the address with the QPN of the pod that had it before. Without help, it would need half a minute to
  // find that out, so the new pod announces itself.
  test.each([
    ["IPv4", "10.1.0.5/24"],
    ["IPv6", "fd00:1::5/64"],
  ])("learn at once that another pod has an address that is used again (%s)", (_, address) =>
    node.unchanged(async () => {
      await node.plugin(
        "fixed",
        `[ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"${address}"}]}'`,
      );
      const peer = config(first, one);
      const moving = (guid: string) =>
        network(second, { guid, link_state: "enable", ipam: { type: "fixed" } });
      await node.add("a", peer);
      for (const [turn, guid] of [two, two, "02:00:00:00:00:00:00:03"].entries()) {
        await node.add("b", moving(guid), { container: "c2" });
        const { address: lladdr } = await node.podInterface("b");
        const known = `ip -n a neighbour show ${hostOf(address)} dev net1 | grep -q ${lladdr}`;
        // The first time, pod a has to ask. Later it does not send before the check, so it knows from the announcement.
        if (turn > 0) await node.until(known, 15);
        await ping("a", hostOf(address));
        await node.until(known);
        await node.del("b", moving(guid), { container: "c2" });
      }
      await node.del("a", peer);
    }),
  );
});
