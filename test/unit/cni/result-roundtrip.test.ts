import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeResult } from "../../../src/cni/result-encode.ts";
import { familyOf, SUPPORTED_VERSIONS } from "../../../src/cni/versions.ts";
import { decode } from "./results.ts";
import { orCniError } from "./thrown.ts";

describe("for any result", () => {
  const cidr = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, prefix]) => `${ip}/${prefix}`),
    fc
      .tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 0, max: 128 }))
      .map(([n, prefix]) => `fd00::${n.toString(16)}/${prefix}`),
  );
  const text = fc.string({ minLength: 1 });
  const u32 = fc.integer({ min: 1, max: 0xffffffff });
  const document = fc.record(
    {
      interfaces: fc.array(
        fc.record(
          { name: text, mac: text, mtu: u32, sandbox: text, socketPath: text, pciID: text },
          { requiredKeys: ["name"] },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      ips: fc.array(
        fc.record({ address: cidr, gateway: fc.ipV4(), interface: fc.nat(5) }, { requiredKeys: ["address"] }),
        { minLength: 1, maxLength: 4 },
      ),
      routes: fc.array(
        fc.record(
          { dst: cidr, gw: fc.ipV4(), mtu: u32, advmss: u32, priority: u32, table: u32, scope: fc.nat(255) },
          { requiredKeys: ["dst"] },
        ),
        { minLength: 1, maxLength: 4 },
      ),
      dns: fc.record({
        nameservers: fc.array(text, { minLength: 1 }),
        domain: text,
        search: fc.array(text, { minLength: 1 }),
        options: fc.array(text, { minLength: 1 }),
      }),
    },
    { requiredKeys: ["ips"] },
  );

  test("1.1.0 survives a round trip completely", () => {
    fc.assert(
      fc.property(document, (each) => {
        const result = decode(each, "1.1.0");
        const printed = JSON.parse(encodeResult(result, "1.1.0"));
        expect(printed).toEqual({ cniVersion: "1.1.0", ...JSON.parse(JSON.stringify(each)) });
        expect(decode(printed, "1.1.0")).toEqual(result);
      }),
    );
  });

  test("any version is read back, and printed identically", () => {
    fc.assert(
      fc.property(document, fc.constantFrom(...SUPPORTED_VERSIONS), (each, version) => {
        const printed = encodeResult(decode(each, "1.1.0"), version);
        expect(encodeResult(decode(JSON.parse(printed), version), version)).toBe(printed);
        expect(printed.endsWith("\n")).toBe(false);
      }),
    );
  });

  test("no old version loses an address that it can express", () => {
    fc.assert(
      fc.property(document, fc.constantFrom(...SUPPORTED_VERSIONS), (each, version) => {
        const result = decode(each, "1.1.0");
        const again = decode(JSON.parse(encodeResult(result, version)), version);
        if (familyOf(version) !== "0.1") expect(again.ips).toEqual(result.ips);
        else expect(again.ips.length).toBe(new Set(result.ips.map((ip) => ip.address.includes(":"))).size);
      }),
    );
  });

  test("any JSON is read or refused with a CniError, and a result that was read can be printed", () => {
    const keys = fc.constantFrom("interfaces", "ips", "routes", "dns", "ip4", "ip6", "IPS", "x");
    const almost = fc.oneof(
      fc.dictionary(keys, fc.jsonValue()),
      fc.dictionary(
        keys,
        fc.array(
          fc.dictionary(
            fc.constantFrom("address", "dst", "name", "interface", "gw", "mtu"),
            fc.oneof(cidr, fc.jsonValue()),
          ),
        ),
      ),
    );
    fc.assert(
      fc.property(almost, fc.constantFrom(...SUPPORTED_VERSIONS), (each, version) => {
        const result = orCniError(() => decode(each, version));
        if (result !== undefined) orCniError(() => encodeResult(result, version));
      }),
    );
  });
});
