// Keys for the interface and its device: mtu, waitForCarrierSeconds, waitForPkeySeconds,
// runtimeConfig.CNIDeviceInfoFile.
import { describe, expect, test } from "vitest";
import { network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const guid = "02:00:00:00:00:00:00:77";
const [disabled, enabled] = vfs;

test("keys that resemble known ones, and a MAC address, are named on stderr, in the log and by doctor", () =>
  node.unchanged(async () => {
    const file = "/tmp/near-misses.log";
    const odd = {
      linkState: "enable",
      GUID: guid,
      runtimeConfig: { mac: "02:00:00:00:00:01" },
    };
    const config = network(disabled, { ...odd, logFile: file });
    const { status, stderr } = await node.call({ command: "ADD", netns: "a", config });
    expect(status).toBe(0);
    const doctor = await node.guest.execute("COLUMNS=1000 /host/ib-sriov doctor");
    const log = await node.shell(`cat ${file}; rm ${file}`);
    for (const text of [stderr, log, doctor.stdout]) {
      expect(text).toContain("key linkState is ignored; use link_state");
      expect(text).toContain("key GUID is read as guid; use that spelling");
      expect(text).toContain("runtimeConfig.mac is ignored");
    }
    await node.del("a", { ...config, logFile: "" });
  }));

describe("mtu", () => {
  test("is set on the interface, is in the result, and is restored by DEL", () =>
    node.unchanged(async () => {
      for (const more of [{ mtu: 1500 }, { mtu: 2044, guid, link_state: "enable" }]) {
        const config = network(disabled, { cniVersion: "1.1.0", ...more });
        const result = await node.add("a", config);
        expect((await node.podInterface("a")).mtu).toBe(more.mtu);
        expect(result.interfaces).toMatchObject([{ mtu: more.mtu }]);
        const check = { ...config, prevResult: result };
        expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({ status: 0 });
        await node.del("a", config);
      }
    }));

  test("that the subnet's broadcast group does not allow: ADD warns, and the result has the actual MTU", () =>
    node.unchanged(async () => {
      const config = network(enabled, { cniVersion: "1.1.0", guid, mtu: 4092, waitForCarrierSeconds: 20 });
      // The MTU of the port takes effect with the rebind; the broadcast group's MTU is smaller.
      const portMtu = (mtu: number) => node.shell(`echo ${mtu} >/sys/module/vhca/parameters/port_mtu`);
      await portMtu(4096);
      const { status, stdout, stderr } = await node.call({ command: "ADD", netns: "a", config });
      expect(status).toBe(0);
      const { mtu } = await node.podInterface("a");
      expect(mtu).toBe(2044);
      expect(JSON.parse(stdout).interfaces).toMatchObject([{ mtu }]);
      expect(stderr).toContain(`MTU ${mtu}, not 4092`);
      await portMtu(2048);
      await node.del("a", config);
    }));

  test("that the netdev cannot have is refused", async () => {
    const answer = await node.addRefused(network(enabled, { mtu: 9000 }));
    expect(answer).toMatchObject({
      code: 7,
      msg: expect.stringMatching(/allows at most 2044 in datagram mode, and the network has 9000/),
    });
  });

  // CRI-O calls CHECK for every pod when it starts.
  test.each(["1.0.0", "1.1.0"])(
    "that tuning has changed, which leaves the result as it is, passes CHECK with a warning: %s",
    (cniVersion) =>
      node.unchanged(async () => {
        const config = network(enabled, { cniVersion, mtu: 1500, waitForCarrierSeconds: 20 });
        const prevResult = await node.add("a", config);
        await node.shell("ip -n a link set net1 mtu 1400");
        const check = { command: "CHECK", netns: "a", config: { ...config, prevResult } };
        expect(await node.call(check)).toMatchObject({
          status: 0,
          stderr: expect.stringContaining("the MTU of net1 is 1400, not 1500"),
        });
        // A later plugin may also put its MTU into the result.
        const interfaces = prevResult.interfaces?.map((each) => ({ ...each, mtu: 1400 }));
        const tuned = { ...check, config: { ...config, prevResult: { ...prevResult, interfaces } } };
        expect(await node.call(tuned)).toMatchObject({ status: 0, stderr: "" });
        await node.del("a", config);
      }),
  );

  describe("of the VF that is larger than its port allows", () => {
    /** Sets the port MTU of VFs whose driver binds from now on. */
    const portMtu = (mtu: number) => node.shell(`echo ${mtu} >/sys/module/vhca/parameters/port_mtu`);
    const warning = /MTU 1020, not the original 1800: its port allows no more/;

    test("ADD and DEL use the largest MTU that the port allows, and the next pod gets the same", () =>
      node.unchanged(async () => {
        const config = network(enabled, { cniVersion: "1.1.0", guid });
        const call = (command: string) => node.call({ command, netns: "a", config });
        await portMtu(1024);
        try {
          const added = await call("ADD");
          expect(added).toMatchObject({ status: 0, stderr: expect.stringMatching(warning) });
          expect(JSON.parse(added.stdout).interfaces).toMatchObject([{ mtu: 1020 }]);
          expect(await call("DEL")).toMatchObject({ status: 0, stderr: expect.stringMatching(warning) });
          await node.add("b", config, { container: "next" });
          expect((await node.podInterface("b")).mtu).toBe(1020);
          await node.del("b", config, { container: "next" });
        } finally {
          await portMtu(2048);
        }
        await node.reset();
      }));

    test("a rollback uses the largest MTU that the port allows", () =>
      node.unchanged(async () => {
        await node.plugin("fake", "exit 1");
        const config = network(enabled, { guid, ipam: { type: "fake" } });
        await portMtu(1024);
        try {
          const { status, stdout, stderr } = await node.call({ command: "ADD", netns: "a", config });
          expect(status).toBe(1);
          expect(stderr).toMatch(warning);
          expect(stdout).not.toContain("could not be put back");
        } finally {
          await portMtu(2048);
        }
        await node.reset();
      }));
  });

  test("of connected mode survives a rebind in ADD and in DEL, because the mode does", () =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(enabled);
      await node.shell(`ip link set ${name} type ipoib mode connected; ip link set ${name} mtu 65520`);
      const before = await node.snapshot();
      const config = network(enabled, { cniVersion: "1.1.0", guid });
      const { interfaces } = await node.add("a", config);
      expect(interfaces).toMatchObject([{ mtu: 65_520 }]);
      expect((await node.podInterface("a")).mtu).toBe(65_520);
      await node.del("a", config);
      await node.expectSnapshot(before);
      await node.shell(`ip link set ${name} type ipoib mode datagram; ip link set ${name} mtu 1800`);
    }));
});

describe("waitForCarrierSeconds", () => {
  test("ADD returns with a carrier", () =>
    node.unchanged(async () => {
      const config = network(enabled, { waitForCarrierSeconds: 20 });
      await node.add("a", config);
      expect((await node.podInterface("a")).flags).toContain("LOWER_UP");
      await node.del("a", config);
    }));

  test("without a carrier ADD rolls back, and the error asks to try again and gives the reason", async () => {
    const answer = await node.addRefused(network(disabled, { waitForCarrierSeconds: 1 }));
    expect(answer).toMatchObject({ code: 11, msg: expect.stringMatching(/no carrier for 1 s.*link_state/) });
  });
});

/** Returns the command that puts a VF's port into partitions, the first at index 0, as a subnet manager does. */
const setPkeys = (pci: string, ...keys: string[]) =>
  `echo "${pci} ${keys.join(" ")}" >/sys/module/vhca/parameters/pkeys`;

describe("waitForPkeySeconds", () => {
  const config = network(enabled, { cniVersion: "1.1.0", pkey: "0x5", waitForPkeySeconds: 20, guid });

  test("ADD returns when the VF's port is in the partition, and CHECK fails when it has left", () =>
    node.unchanged(async () => {
      // Like a subnet manager, which gets the GUID when the VF has it, and then takes some time.
      await node.shell(`(until grep -q 77$ /sys/bus/pci/devices/${enabled}/infiniband/*/node_guid; do sleep 0.02; done 2>/dev/null
        sleep 0.5; touch /tmp/partitioned; ${setPkeys(enabled, "0x8005", "0xffff")}) >/dev/null 2>&1 &`);
      const prevResult = await node.add("a", config);
      // Fails unless ADD has waited.
      await node.shell("rm /tmp/partitioned");
      await node.until("ip -n a -d link show net1 | grep -q 'pkey  *0x8005'");
      const check = { command: "CHECK", netns: "a", config: { ...config, prevResult } };
      expect(await node.call(check)).toMatchObject({ status: 0 });
      await node.shell(setPkeys(enabled, "0x8006"));
      await node.until("ip -n a -d link show net1 | grep -q 'pkey  *0x8006'");
      expect((await node.refused(check)).msg).toMatch(/net1 is in partition 0x8006, not in 0x0005/);
      await node.shell(setPkeys(enabled, "0xffff"));
      await node.del("a", config);
    }));

  test("ADD does not wait for a port that is already in the partition, as a full or limited member", () =>
    node.unchanged(async () => {
      await node.shell(setPkeys(disabled, "0x5"));
      const config = network(disabled, { pkey: "0x8005", waitForPkeySeconds: 20 });
      await node.add("a", config);
      await node.del("a", config);
      await node.shell(setPkeys(disabled, "0xffff"));
    }));

  test("a port that does not join: ADD rolls back, and the error asks to try again and contains the table", async () => {
    const answer = await node.addRefused({ ...config, waitForPkeySeconds: 1 });
    expect(answer).toMatchObject({
      code: 11,
      msg: expect.stringMatching(/not come to partition 0x0005 in 1 s: index 0 .* has 0xffff/),
    });
  });
});

describe("CNIDeviceInfoFile", () => {
  const path = "/run/k8s.cni.cncf.io/devinfo/cni/a-mynet-c1_net1";
  const information = {
    type: "pci",
    version: "1.1.0",
    pci: { "pci-address": disabled, "rdma-device": "mlx5_77", "pf-pci-address": "0000:01:00.0" },
    "x-vendor": { kept: [1, null] },
  };
  const config = network(disabled, { runtimeConfig: { CNIDeviceInfoFile: path, infinibandGUID: guid } });
  const present = async () => {
    await node.shell(`mkdir -p ${path.slice(0, path.lastIndexOf("/"))}
      printf %s '${JSON.stringify(information)}' >${path}; chmod 444 ${path}`);
  };
  const files = async () => (await node.shell(`ls $(dirname ${path})`)).trim();

  test("names the RDMA device of the VF and keeps its other keys, and DEL restores it", () =>
    node.unchanged(async () => {
      await present();
      const device = (await node.shell(`ls /sys/bus/pci/devices/${disabled}/infiniband`)).trim();
      await node.add("a", config);
      expect(JSON.parse(await node.shell(`cat ${path}`))).toEqual({
        ...information,
        pci: { ...information.pci, "rdma-device": device },
      });
      expect(await node.shell(`stat -c %a ${path}`)).toBe("444\n");
      expect(await files()).toBe(path.slice(path.lastIndexOf("/") + 1));
      await node.del("a", config);
      expect(JSON.parse(await node.shell(`cat ${path}`))).toEqual(information);
    }));

  test("an ADD that fails restores it; if it does not exist, ADD does not create it", async () => {
    await present();
    await node.plugin("fake", "exit 1");
    await node.addRefused({ ...config, ipam: { type: "fake" } });
    expect(JSON.parse(await node.shell(`cat ${path}`))).toEqual(information);
    await node.unchanged(async () => {
      await node.shell(`rm ${path}`);
      await node.add("a", config);
      await node.del("a", config);
      expect(await files()).toBe("");
    });
  });
});
