import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { parseNetwork } from "../../../src/network-config/settings.ts";
import { thrown } from "../cni/thrown.ts";

const guids = {
  capability: "02:00:00:00:00:00:00:01",
  annotation: "02:00:00:00:00:00:00:02",
  administrator: "02:00:00:00:00:00:00:03",
  argument: "02:00:00:00:00:00:00:04",
};
type Source = keyof typeof guids;
type Given = Partial<Record<Source, unknown>>;

function parse(given: Given, ibKubernetesEnabled: boolean, cni: object = {}) {
  const configuration = {
    name: "net",
    deviceID: "0000:03:00.2",
    ibKubernetesEnabled,
    guid: given.administrator,
    runtimeConfig: { infinibandGUID: given.capability },
    args: { cni: { "mellanox.infiniband.app": "configured", guid: given.annotation, ...cni } },
  };
  const cniArgs = given.argument === undefined ? "" : `IgnoreUnknown=1;guid=${given.argument}`;
  return parseNetwork(parseConfiguration(JSON.stringify(configuration)), "1.0.0", cniArgs);
}

/** All combinations of sources. */
const combinations = Array.from({ length: 16 }, (_, bits) =>
  (Object.keys(guids) as Source[]).filter((_, index) => bits & (1 << index)),
);

const order: [boolean, Source[]][] = [
  [false, ["capability", "administrator", "annotation", "argument"]],
  [true, ["capability", "annotation", "administrator", "argument"]],
];

for (const [ibKubernetes, precedence] of order) {
  describe(`ibKubernetesEnabled ${ibKubernetes}: ${precedence.join(" before ")}`, () => {
    test.each(combinations)("of %s %s %s %s", (...given) => {
      const winner = precedence.find((source) => given.includes(source));
      const values: Given = Object.fromEntries(given.map((source) => [source, guids[source]]));
      if (winner === undefined) {
        if (ibKubernetes) expect(thrown(() => parse(values, true)).code).toBe(11);
        else expect(parse(values, false).guid).toBeUndefined();
        return;
      }
      expect(parse(values, ibKubernetes).guid).toBe(guids[winner]);

      // A source with lower precedence is not read, whatever its value.
      for (const junk of ["junk", 5, ["x"], { a: 1 }, "00:00:00:00:00:00:00:00"]) {
        const spoiled = Object.fromEntries(
          given.map((source) => [source, source === winner ? guids[source] : junk]),
        );
        expect(parse(spoiled, ibKubernetes).guid).toBe(guids[winner]);
      }

      // An invalid GUID of the first source fails; other sources are not tried.
      const bad = thrown(() => parse({ ...values, [winner]: "junk" }, ibKubernetes));
      expect(bad).toMatchObject({ code: 7, message: expect.stringContaining('"junk"') });
    });
  });
}

describe("a GUID", () => {
  test.each(["02-00-00-00-00-00-00-0A", "0200.0000.0000.000a", "0x020000000000000a", "020000000000000A"])(
    "may be written %s",
    (text) => {
      expect(parse({ administrator: text }, false).guid).toBe("02:00:00:00:00:00:00:0a");
    },
  );

  test.each<[Source, string]>([
    ["capability", "runtimeConfig.infinibandGUID"],
    ["annotation", "args.cni.guid"],
    ["administrator", "guid"],
    ["argument", "CNI_ARGS guid"],
  ])("that is zero or all-ones is refused, with the name of its source: %s", (source, where) => {
    for (const text of ["00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff", "0xFFFFFFFFFFFFFFFF"]) {
      const error = thrown(() => parse({ [source]: text }, false));
      expect(error.code).toBe(7);
      expect(error.message.startsWith(`${where} is `)).toBe(true);
    }
  });

  test("that is empty or null counts as missing", () => {
    for (const none of ["", null]) {
      expect(
        parse({ capability: none, annotation: none, administrator: guids.administrator }, true).guid,
      ).toBe(guids.administrator);
    }
  });

  test("of a wrong type is refused with key and value", () => {
    expect(thrown(() => parse({ annotation: 5 }, false))).toMatchObject({
      code: 7,
      message: expect.stringMatching(/^args\.cni\.guid .*not 5$/),
    });
  });
});

describe("args.cni", () => {
  test("may contain any other values", () => {
    const cni = { ips: ["10.0.0.5/24"], labels: [{ key: "a", value: 5 }], n: 5, b: true, z: null };
    expect(parse({ annotation: guids.annotation }, true, cni).guid).toBe(guids.annotation);
  });

  test("is a map with exact keys", () => {
    expect(parse({}, false, { GUID: guids.annotation }).guid).toBeUndefined();
  });
});

describe("malformed CNI_ARGS", () => {
  test("never fail a call, and cause a warning", () => {
    const network = parse({ argument: `${guids.argument};junk;a=b=c` }, false);
    expect(network.guid).toBe(guids.argument);
    expect(network.warnings).toHaveLength(2);
  });

  test("are not read if another source takes precedence", () => {
    expect(parse({ administrator: guids.administrator, argument: "x;junk" }, false).warnings).toEqual([]);
  });
});

describe("ibKubernetesEnabled", () => {
  test.each([undefined, null, "pending", "Configured", 5, true, ""])(
    "with mellanox.infiniband.app %j: code 11, with the place of the annotation",
    (app) => {
      const error = thrown(() =>
        parse({ capability: guids.capability }, true, { "mellanox.infiniband.app": app }),
      );
      expect(error.code).toBe(11);
      expect(error.message).toContain('args.cni["mellanox.infiniband.app"]');
      expect(error.message).toContain("k8s.v1.cni.cncf.io/networks");
      expect(error.message).toContain('"cni-args": {"mellanox.infiniband.app": "configured"');
    },
  );

  test("without args: the same", () => {
    const text = '{"name":"n","deviceID":"0000:03:00.2","ibKubernetesEnabled":true}';
    expect(thrown(() => parseNetwork(parseConfiguration(text), "1.0.0", "")).code).toBe(11);
  });

  test("without a GUID: code 11, with the place of the GUID", () => {
    const error = thrown(() => parse({}, true));
    expect(error.code).toBe(11);
    expect(error.message).toContain("the pod has no GUID");
    expect(error.message).toContain("k8s.v1.cni.cncf.io/networks");
  });

  test("off: nothing is required", () => {
    expect(parse({}, false, { "mellanox.infiniband.app": "pending" }).guid).toBeUndefined();
  });
});

describe("auto", () => {
  test("can be set by the administrator, if no source of higher precedence has a GUID", () => {
    expect(parse({ administrator: "auto" }, false).guid).toBe("auto");
    expect(parse({ administrator: "auto" }, true).guid).toBe("auto");
    expect(parse({ administrator: "auto", capability: guids.capability }, false).guid).toBe(guids.capability);
    expect(parse({ administrator: "auto", annotation: guids.annotation }, true).guid).toBe(guids.annotation);
    expect(parse({ administrator: "auto", annotation: guids.annotation }, false).guid).toBe("auto");
  });

  test.each(["capability", "annotation", "argument"] as const)("cannot be set by others: %s", (source) => {
    expect(thrown(() => parse({ [source]: "auto" }, false))).toMatchObject({
      code: 7,
      message: expect.stringContaining('not "auto"'),
    });
  });

  test("is suggested to an administrator who has misspelled it", () => {
    expect(thrown(() => parse({ administrator: "Auto" }, false)).message).toMatch(/or "auto", not "Auto"/);
  });
});
