import { describe, expect, test } from "vitest";
import {
  configuredDns,
  ipamType,
  ipamTypeOf,
  parseConfiguration,
  prevResult,
} from "../../../src/cni/configuration.ts";
import type { CniVersion } from "../../../src/cni/versions.ts";
import { thrown } from "./thrown.ts";

function parse(object: object) {
  return parseConfiguration(JSON.stringify({ name: "net", cniVersion: "1.0.0", ...object }));
}

describe("network configuration", () => {
  test("keeps the original text, for the IPAM plugin", () => {
    const text = ' {"name" : "net",\n "zz":[1.50] } ';
    expect(parseConfiguration(text)).toMatchObject({ text, name: "net" });
  });

  test("invalid JSON is code 6, with the message of the Go libraries", () => {
    expect(thrown(() => parseConfiguration("{"))).toMatchObject({
      code: 6,
      message: expect.stringMatching(/^error unmarshall network config: ./),
    });
  });

  test.each([{}, { name: "" }, { name: null }])("%j has no name: code 7", (object) => {
    expect(thrown(() => parseConfiguration(JSON.stringify(object)))).toMatchObject({
      code: 7,
      message: "missing network name",
    });
    expect(thrown(() => parseConfiguration("null")).message).toBe("missing network name");
  });

  test.each(["-net", "a/b", "ä", "a b", "a\u0000"])(
    "the name %j is refused, and details name it: code 7",
    (name) => {
      expect(thrown(() => parse({ name }))).toMatchObject({
        code: 7,
        message: "invalid characters found in network name",
        details: name,
      });
    },
  );

  test("a name of the wrong type is code 7, with key and value", () => {
    expect(thrown(() => parse({ name: 5 }))).toMatchObject({
      code: 7,
      message: "network configuration: name must be a string, not 5",
    });
  });

  test.each([{ cniVersion: undefined }, { cniVersion: null }, { cniVersion: "" }])(
    "%j: a cniVersion that is missing, null or empty means 0.1.0",
    (object) => {
      expect(parse(object).cniVersion).toBe("0.1.0");
    },
  );

  test("a cniVersion is kept unchanged, and must be a string", () => {
    expect(parse({ cniVersion: "9.9" }).cniVersion).toBe("9.9");
    expect(thrown(() => parse({ cniVersion: 1 })).message).toContain("cniVersion must be a string, not 1");
  });

  test("keys match without regard to case", () => {
    expect(parseConfiguration('{"NAME":"a","CniVersion":"0.3.0"}')).toMatchObject({
      name: "a",
      cniVersion: "0.3.0",
    });
  });
});

describe("ipam", () => {
  test.each([{}, { ipam: {} }, { ipam: null }, { ipam: { type: "" } }, { ipam: { type: null } }])(
    "%j: no addresses are requested",
    (object) => {
      expect(ipamType(parse(object))).toBeUndefined();
      expect(ipamTypeOf(JSON.stringify(object))).toBeUndefined();
    },
  );

  test("names its plugin, keys in any case", () => {
    expect(ipamType(parse({ ipam: { type: "host-local" } }))).toBe("host-local");
    expect(ipamType(parse({ IPAM: { Type: "host-local" } }))).toBe("host-local");
    expect(ipamTypeOf('{"IPAM":{"Type":"host-local"}}')).toBe("host-local");
  });

  test("of the wrong type is code 7, with key and value", () => {
    expect(thrown(() => ipamType(parse({ ipam: "dhcp" }))).message).toContain(
      'ipam must be an object, not "dhcp"',
    );
    expect(thrown(() => ipamType(parse({ ipam: { type: 5 } }))).message).toContain(
      "ipam.type must be a string, not 5",
    );
  });

  test.each(["", "{", "[]", "null", '{"ipam":5}', '{"ipam":{"type":5}}'])(
    "a kept text %j never fails",
    (text) => {
      expect(ipamTypeOf(text)).toBeUndefined();
    },
  );
});

test("dns is read, and empty if it is missing", () => {
  expect(
    configuredDns(parse({ dns: { nameservers: ["1.1.1.1"], domain: "d", search: ["s"], options: ["o"] } })),
  ).toEqual({
    nameservers: ["1.1.1.1"],
    domain: "d",
    search: ["s"],
    options: ["o"],
  });
  expect(configuredDns(parse({}))).toEqual({ nameservers: [], domain: undefined, search: [], options: [] });
  expect(thrown(() => configuredDns(parse({ dns: { search: "x" } }))).message).toContain(
    'dns.search must be a list, not "x"',
  );
});

describe("prevResult", () => {
  const read = (prev: unknown, version: CniVersion = "1.0.0") =>
    prevResult(parse({ cniVersion: version, prevResult: prev }), version);

  test("is undefined if it is missing", () => {
    expect(read(undefined)).toBeUndefined();
    expect(read(null)).toBeUndefined();
  });

  test("without a version has the configuration's", () => {
    expect(read({ ips: [{ address: "10.0.0.5/24" }] })?.ips[0]?.address).toBe("10.0.0.5/24");
    expect(read({ ip4: { ip: "10.0.0.5/24" } }, "0.2.0")?.ips[0]?.address).toBe("10.0.0.5/24");
  });

  test.each<[string, CniVersion]>([
    ["0.1.0", "0.2.0"],
    ["0.2.0", "0.1.0"],
    ["0.3.0", "0.4.0"],
    ["0.4.0", "0.3.1"],
    ["1.0.0", "1.1.0"],
    ["1.1.0", "1.0.0"],
    ["", "0.1.0"],
  ])("of version %j is accepted with a configuration of %s", (own, version) => {
    expect(read({ cniVersion: own }, version)).toBeDefined();
  });

  test.each<[string, CniVersion]>([
    ["0.4.0", "1.0.0"],
    ["1.0.0", "0.4.0"],
    ["0.2.0", "0.3.0"],
    ["0.3.1", "0.1.0"],
    ["9.9.9", "1.1.0"],
  ])("of version %s is refused with %s: code 999", (own, version) => {
    expect(thrown(() => read({ cniVersion: own }, version))).toMatchObject({
      code: 999,
      message: expect.stringMatching(/^could not parse prevResult: /),
    });
  });

  test.each([
    [5],
    [[]],
    [{ ips: [{ address: "10.0.0.5" }] }],
    [{ ips: [{}] }],
    [{ interfaces: "x" }],
    [{ routes: [{ dst: "x" }] }],
    [{ cniVersion: 5 }],
  ])("%j of wrong types is code 7", (prev) => {
    expect(thrown(() => read(prev)).code).toBe(7);
  });

  test("an index without an interface is code 7, because it would refer to the plugin's interface", () => {
    const error = thrown(() =>
      read({ interfaces: [{ name: "a" }], ips: [{ address: "10.0.0.5/24", interface: 1 }] }),
    );
    expect(error).toMatchObject({ code: 7, message: expect.stringContaining("interface 1") });
    expect(
      read({ interfaces: [{ name: "a" }], ips: [{ address: "10.0.0.5/24", interface: 0 }] })?.ips,
    ).toHaveLength(1);
  });
});
