// CHECK compares an attachment with its record. ADD restores the VF of an ADD that was killed.
import { describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, type Invocation, network, type Result } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const guid = "02:00:00:00:00:00:00:77";
const [vf] = vfs;
const config = network(vf, {
  link_state: "enable",
  runtimeConfig: { infinibandGUID: guid },
  ipam: hostLocal(["10.1.0.0/24", "fd00::/64"], {
    routes: [{ dst: "10.7.0.0/16" }, { dst: "fd77::/48" }, { dst: "10.8.0.0/16", gw: "10.1.0.254" }],
  }),
});

/** Attaches the VF, and calls a test with the configuration for CHECK. */
const attached = (body: (check: Config) => Promise<void>) => () =>
  node.unchanged(async () => {
    const prevResult = await node.add("a", config);
    await body({ ...config, prevResult });
    await node.del("a", config);
  });

const refusal = async (check: Config) =>
  (await node.refused({ command: "CHECK", netns: "a", config: check })).msg;

describe("CHECK", () => {
  test(
    "succeeds after ADD, and prints nothing",
    attached(async (check) => {
      expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({
        status: 0,
        stdout: "",
      });
    }),
  );

  test.each([
    ["the interface is down", "ip -n a link set net1 down", /net1 is down/],
    ["the interface has another name", "ip -n a link set net1 down name net9", /no interface net1/],
    [
      "an address is gone",
      "ip -n a address flush dev net1 scope global",
      /net1 lacks the address 10\.1\.0\.\d+\/24; it has fe80/,
    ],
    ["the link state differs", "ip link set ib0 vf 0 state disable", /link state .* is disable, not enable/],
    [
      "a route is gone",
      "ip -n a route del 10.7.0.0/16",
      /net1 lacks the route 10\.7\.0\.0\/16 via 10\.1\.0\.1; it has .*10\.1\.0\.0\/24/,
    ],
    [
      "an IPv6 route goes through another gateway",
      "ip -n a -6 route replace fd77::/48 via fd00::99 dev net1",
      /net1 lacks the route fd77::\/48 via fd00::1; it has .*fd77::\/48 via fd00::99/,
    ],
    [
      "a pkey child, in another partition, has the interface's name",
      `ip -n a link set net1 down name mine
        ip -n a link add link mine name net1 type ipoib pkey 0x8001; ip -n a link set mine up; ip -n a link set net1 up`,
      /net1 is a pkey child .*, and not the netdev of VF 0000:01:10\.0/,
    ],
    ["the lease is gone", "rm /var/lib/cni/networks/mynet/{10.1.0.,fd00}*", /[Ff]ailed|host-local/],
  ])("fails if %s", (_what, change, message) =>
    attached(async (check) => {
      await node.shell(change);
      expect(await refusal(check)).toMatch(message);
      // DEL does not restore settings that another program has changed, so the test restores this one.
      if (change.includes("vf 0")) await node.shell("ip link set ib0 vf 0 state enable");
    })(),
  );

  const ips = `"ips":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00::5/64"}]`;
  /** Installs an IPAM plugin that returns these routes, and returns a network with it. */
  const routed = async (routes: readonly Config[]) => {
    const result = `{"cniVersion":"1.1.0",${ips},"routes":${JSON.stringify(routes)}}`;
    await node.shell(`printf %s '${result}' >/tmp/result`);
    await node.plugin("fake", "[ $CNI_COMMAND != ADD ] || cat /tmp/result");
    return network(vf, { cniVersion: "1.1.0", ipam: { type: "fake" } });
  };

  test.each([
    ["gateway 0.0.0.0, which means none", { dst: "10.7.0.0/16", gw: "0.0.0.0" }],
    ["table 0, which means the default, for IPv4", { dst: "10.7.0.0/16", table: 0 }],
    ["table 0, which means the default, for IPv6", { dst: "fd77::/48", table: 0 }],
    ["priority 0, which means the default, for IPv6", { dst: "fd77::/48", priority: 0 }],
    ["no gateway, table or priority", { dst: "10.7.0.0/16" }],
  ])("succeeds after ADD of a route with %s, and fails if the route is gone", (_, route) =>
    node.unchanged(async () => {
      const routedNetwork = await routed([route]);
      const prevResult = await node.add("a", routedNetwork);
      const check = { command: "CHECK", netns: "a", config: { ...routedNetwork, prevResult } };
      expect(await node.call(check)).toMatchObject({ status: 0, stdout: "", stderr: "" });
      await node.shell(`ip -n a route del ${route.dst}`);
      expect((await node.refused(check)).msg).toContain(`net1 lacks the route ${route.dst}`);
      await node.del("a", routedNetwork);
    }),
  );

  test("of 500 routes takes less time than their ADD, and a refusal does not list all of them", () =>
    node.unchanged(async () => {
      const routes = Array.from({ length: 500 }, (_, i) => ({ dst: `10.${100 + (i >> 8)}.${i & 255}.0/24` }));
      const routedNetwork = await routed(routes);
      /** Returns the time of a call, ms of the guest. */
      const time = async (call: Invocation) =>
        Number(
          await node.shell(`begin=\${EPOCHREALTIME/./}
            { ${commandLine(plugin, call)}; } >/tmp/answer; echo $(((\${EPOCHREALTIME/./} - begin) / 1000))`),
        );
      const added = await time({ command: "ADD", netns: "a", config: routedNetwork });
      const prevResult = JSON.parse(await node.shell("cat /tmp/answer"));
      const check = { command: "CHECK", netns: "a", config: { ...routedNetwork, prevResult } };
      expect(await time(check)).toBeLessThan(added);
      await node.shell("ip -n a route del 10.101.9.0/24");
      const { msg } = await node.refused(check);
      expect(msg).toContain(
        "net1 lacks the route 10.101.9.0/24 via 10.1.0.1; it has 10.1.0.0/24 table 254, ",
      );
      expect(msg).toMatch(/ and 480 more$/);
      await node.del("a", routedNetwork);
    }));

  test(
    "passes prevResult to the IPAM plugin, as the runtime gave it",
    attached(async (check) => {
      await node.plugin("host-local-spy", "cat >/tmp/stdin; exec /opt/cni/bin/host-local </tmp/stdin");
      const spied = { ...config, ipam: hostLocal(["10.1.0.0/24"], { type: "host-local-spy" }) };
      await node.del("a", check);
      const prevResult = await node.add("a", spied);
      const call = { command: "CHECK", netns: "a", config: { ...spied, prevResult } };
      expect(await node.call(call)).toMatchObject({ status: 0 });
      expect(JSON.parse(await node.shell("cat /tmp/stdin"))).toEqual(call.config);
      await node.del("a", spied);
    }),
  );

  test(
    "in another namespace than that of ADD is an error",
    attached(async (check) => {
      const answer = await node.refused({ command: "CHECK", netns: "b", config: check });
      expect(answer).toMatchObject({ code: 8, msg: expect.stringContaining("/run/netns/b") });
    }),
  );

  test(
    "refuses a prevResult whose interface is in another namespace than CNI_NETNS; another path of the same namespace is accepted",
    attached(async (check) => {
      const withSandbox = (sandbox: string) => {
        const prevResult = check.prevResult as Result;
        return {
          ...check,
          prevResult: {
            ...prevResult,
            interfaces: prevResult.interfaces?.map((each) => ({ ...each, sandbox })),
          },
        };
      };
      const call = { command: "CHECK", netns: "a" };
      for (const sandbox of ["/run/netns/b", "/run/netns/gone"]) {
        const answer = await node.refused({ ...call, config: withSandbox(sandbox) });
        expect(answer).toMatchObject({
          code: 7,
          msg: expect.stringMatching(
            `prevResult has interface net1 in ${sandbox}, CNI_NETNS is /run/netns/a`,
          ),
        });
      }
      expect(await node.call({ ...call, config: withSandbox("/run/../run/netns/a") })).toMatchObject({
        status: 0,
      });
    }),
  );

  test(
    "of an attachment that was never made is an error",
    attached(async (check) => {
      const answer = await node.refused({ command: "CHECK", netns: "a", container: "other", config: check });
      expect(answer).toMatchObject({ code: 3, msg: expect.stringContaining("other") });
    }),
  );
});

describe("a container whose ADD was killed, and that gets no DEL", () => {
  test.each([
    ["while the IPAM plugin still runs", "(sleep 1; touch /tmp/go) </dev/null >/dev/null 2>&1 &"],
    ["when the IPAM plugin was killed, too", "kill -KILL $(pidof slow)"],
  ])("%s: the next ADD restores its VF, and leaves nothing of the attachment", (_, then) =>
    node.unchanged(async () => {
      const waits = `[ "$CNI_COMMAND" != ADD ] || until [ -e /tmp/go ]; do sleep 0.05; done`;
      await node.plugin("slow", `${waits}\nexec /opt/cni/bin/host-local`);
      const slow = { ...config, ipam: { ...hostLocal(["10.1.0.0/24"]), type: "slow" } };
      const add = commandLine(plugin, { command: "ADD", netns: "a", container: "killed", config: slow });
      // At this moment, only the steps that need the address are missing.
      await node.shell(`rm -f /tmp/go; { ${add}; } &
        until ip -n a -br link show dev net1 up 2>/dev/null | grep -q net1; do sleep 0.02; done
        kill -KILL $(pidof ib-sriov); ! wait $!; ${then}`);
      expect(await node.snapshot()).toContain(`link - ib0 vf 0 node ${guid} port ${guid} link enable`);
      await node.add("b", config, { container: "next" });
      expect((await node.podInterface("b")).address.slice(-23)).toBe(guid);
      await node.del("b", config, { container: "next" });
    }),
  );
});
