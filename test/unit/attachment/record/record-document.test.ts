import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecord, stateLetter, stateOffset } from "../../../../src/attachment/record/codec.ts";
import { recordDocument } from "../../../../src/attachment/record/record-document.ts";
import { aRecord, guid } from "../../../support/records.ts";

/** Go matches keys without regard to case, so no key of the record may equal a Go field in another case. */
const goFields = [
  ...["cniversion", "name", "type", "capabilities", "ipam", "dns", "prevresult", "runtimeconfig", "args"],
  ...["master", "deviceid", "vfid", "hostifnames", "hostifguid", "contifnames", "pkey", "link_state"],
  ...["rdmaisolation", "ibkubernetesenabled", "vfiopcimode", "rdmanetstate"],
];

const isText = (value: unknown) => typeof value === "string";
const areTexts = (value: unknown) => Object.values(value as object).every(isText);

/**
 * The types of the fields that the Go plugin reads from its cache (types.NetConf): a value of another type makes the
 * whole cache unreadable, and its DEL then does nothing and succeeds.
 */
const goTypes: Readonly<Record<string, (value: unknown) => boolean>> = {
  cniVersion: isText,
  name: isText,
  type: isText,
  ipam: areTexts,
  Master: isText,
  deviceID: isText,
  VFID: Number.isInteger,
  HostIFNames: isText,
  HostIFGUID: isText,
  ContIFNames: isText,
  pkey: isText,
  link_state: (value) => value === undefined || isText(value),
  RdmaNetState: areTexts,
  runtimeConfig: areTexts,
  args: (value) => (value as { cni: unknown }).cni === null,
};

describe("a record as a file", () => {
  test("is read back unchanged", () => {
    const record = aRecord();
    expect(parseRecord(recordDocument(record, "ib0"))).toMatchObject(record);
  });

  test("contains the fields that the Go plugin's DEL reads", () => {
    expect(JSON.parse(recordDocument(aRecord(), "ib0"))).toMatchObject({
      cniVersion: "1.0.0",
      name: "mynet",
      type: "ib-sriov",
      ipam: { type: "host-local" },
      Master: "ib0",
      deviceID: "0000:03:00.2",
      VFID: 1,
      HostIFNames: "ibp3s0f0v1",
      HostIFGUID: "11:22:33:00:77:77:77:02",
      ContIFNames: "net1",
      pkey: "0x5",
      link_state: "enable",
      rdmaIsolation: true,
      RdmaNetState: {
        deviceID: "0000:03:00.2",
        sandboxRdmaDevName: "mlx5_1",
        containerRdmaDevName: "mlx5_1",
      },
      args: { cni: null },
      runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:01" },
    });
  });

  test("names the IPAM plugin for the Go plugin, however the configuration spells its keys", () => {
    const call = { ...aRecord().call, stdin: '{"Name":"n","IPAM":{"Type":"whereabouts"}}' };
    expect(JSON.parse(recordDocument(aRecord({ call }), "ib0"))).toMatchObject({
      name: "n",
      ipam: { type: "whereabouts" },
    });
  });

  test("makes the Go plugin leave the GUID if ADD set no GUID", () => {
    const document = JSON.parse(recordDocument(aRecord({ desired: {} }), "ib0"));
    expect(document.HostIFGUID).toBe("");
    expect(document).not.toHaveProperty("link_state");
    expect(document).not.toHaveProperty("rdmaIsolation");
    expect(document.RdmaNetState.containerRdmaDevName).toBe("");
  });

  test("marks a VF for a virtual machine, for the Go plugin and for ib-sriov", () => {
    const text = recordDocument(aRecord({ kind: "vfio" }), "ib0");
    expect(JSON.parse(text)).toMatchObject({ vfioPciMode: true });
    expect(parseRecord(text)?.kind).toBe("vfio");
    expect(parseRecord(text.replace('"kind":"vfio"', '"kind":"other"'))).toBeUndefined();
    expect(JSON.parse(recordDocument(aRecord(), "ib0"))).not.toHaveProperty("vfioPciMode");
  });

  test("has a member of ib-sriov that does not match a field of Go", () => {
    const keys = Object.keys(JSON.parse(recordDocument(aRecord(), "ib0"))).map((key) => key.toLowerCase());
    expect(keys.filter((key) => !goFields.includes(key))).toEqual(["attachment"]);
  });

  test("is read back unchanged if MTU and admin state are unknown", () => {
    const { mtu: _, up: __, ...found } = aRecord().originals;
    const record = parseRecord(recordDocument(aRecord({ originals: found }), "ib0"));
    expect(record?.originals).toEqual(found);
  });

  test.each(Object.entries(goTypes))(
    "has a value for the Go plugin's field %s that it can decode",
    (key, isFit) => {
      const documents = [
        aRecord(),
        aRecord({ desired: {} }),
        aRecord({
          call: { stdin: '{"pkey":5,"ipam":{"type":7},"name":[],"cniVersion":1}', args: "", path: "" },
        }),
        aRecord({ call: { stdin: "garbage", args: "", path: "" } }),
      ].map((record) => JSON.parse(recordDocument(record, "ib0")));
      for (const document of documents)
        expect(isFit(document[key]), JSON.stringify(document[key])).toBe(true);
    },
  );

  test("can be written for any configuration", () => {
    fc.assert(
      fc.property(fc.json(), (stdin) => {
        const record = aRecord({ call: { stdin, args: "", path: "/opt/cni/bin" } });
        expect(parseRecord(recordDocument(record, "ib0"))).toMatchObject(record);
      }),
    );
  });

  test("changes its state in one byte, whatever else it contains", () => {
    const states = ["preparing", "complete", "undo-failed"] as const;
    const aState = fc.constantFrom(...states);
    fc.assert(
      fc.property(aState, aState, fc.string(), fc.json(), (before, after, netns, stdin) => {
        const record = aRecord({ netns, call: { stdin, args: "", path: "" } });
        const text = Buffer.from(recordDocument({ ...record, state: before }, "ib0"));
        expect(text.write(stateLetter(after), stateOffset())).toBe(1);
        expect(parseRecord(text.toString())).toMatchObject({ ...record, state: after });
      }),
    );
  });
});

describe("the two lines of a record", () => {
  const record = aRecord({ state: "complete" });
  const [ownLine = "", goLine = ""] = recordDocument(record, "ib0").split("\n");

  test("only the first is read, which is ib-sriov's", () => {
    for (const second of [
      "",
      "}",
      "\0\0\0",
      "torn,\n}",
      goLine.slice(0, 40),
      goLine.replace("{", "["),
      `${goLine}\n${goLine}`,
    ]) {
      expect(parseRecord(`${ownLine}\n${second}`), second).toMatchObject(record);
    }
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (second) => {
        expect(parseRecord(`${ownLine}\n${second}`)).toMatchObject(record);
      }),
    );
  });

  test("a first line that is cut off or damaged is not a record, even if the second line is complete", () => {
    for (let length = 0; length < ownLine.length; length++) {
      expect(parseRecord(ownLine.slice(0, length)), `${length}`).toBeUndefined();
      expect(parseRecord(`${ownLine.slice(0, length)}\n${goLine}`), `${length}`).toBeUndefined();
    }
    expect(parseRecord(`${ownLine.replace('"originals":{', '"originals":[')}\n${goLine}`)).toBeUndefined();
    expect(parseRecord(goLine)).toBeUndefined();
    expect(parseRecord(`{${goLine}`)).toBeUndefined();
  });

  test("a record that another program has rewritten in one line is read as well", () => {
    // In a JSON text a newline is two characters, also right after a comma.
    const call = {
      ...record.call,
      stdin: '{"cniVersion": "1.0.0",\n "name": "mynet",\n "type": "ib-sriov"}',
    };
    const document = JSON.parse(recordDocument({ ...record, call }, "ib0"));
    const oneLine = JSON.stringify(document);
    expect(oneLine).not.toContain("\n");
    expect(parseRecord(oneLine)).toMatchObject({ ...record, call });
    expect(parseRecord(`${oneLine}\n`)).toMatchObject({ ...record, call });
  });

  test("another program may have split a record into more lines", () => {
    const document: Record<string, unknown> = JSON.parse(recordDocument(record, "ib0"));
    const sorted = Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
    // As jq and its -S do. The first line of the second text has a complete value, which is not ib-sriov's.
    expect(parseRecord(JSON.stringify(document, null, 2))).toMatchObject(record);
    expect(parseRecord(JSON.stringify(sorted, null, 2))).toMatchObject(record);
  });
});

describe("a file that is not a record", () => {
  test.each([
    ["empty", ""],
    ["cut off", recordDocument(aRecord(), "ib0").slice(0, 700)],
    ["of the Go plugin", '{"ContIFNames":"net1","HostIFNames":"ib1","deviceID":"0000:01:10.0"}'],
    ["of another format", recordDocument(aRecord(), "ib0").replace('"format":1', '"format":2')],
    [
      "with a path instead of a PCI address",
      recordDocument(aRecord(), "ib0").replaceAll("0000:03:00.2", "../../etc"),
    ],
    ["in an unknown state", recordDocument(aRecord(), "ib0").replace('"state":"p"', '"state":"x"')],
    ["with an invalid GUID", recordDocument(aRecord(), "ib0").replaceAll("11:22:33", "xx:22:33")],
  ])("is rejected: %s", (_, text) => {
    expect(parseRecord(text)).toBeUndefined();
  });

  test("is rejected for any JSON", () => {
    fc.assert(fc.property(fc.json(), (text) => parseRecord(text) === undefined));
  });

  test("is rejected if any of its values has another type", () => {
    const document = JSON.parse(recordDocument(aRecord(), "ib0"));
    let damaged = 0;
    const damage = (object: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(object)) {
        if (typeof value === "object" && value !== null && !Array.isArray(value)) {
          damage(value as Record<string, unknown>);
        }
        object[key] = typeof value === "number" ? "text" : 42;
        if (key !== "format") expect(parseRecord(JSON.stringify(document)), key).toBeUndefined();
        object[key] = value;
        damaged++;
      }
    };
    damage(document.attachment);
    expect(damaged).toBeGreaterThan(25);
    expect(parseRecord(JSON.stringify(document))).toBeDefined();
  });

  test("is rejected if its stale GUIDs are invalid", () => {
    const staleGuids = [guid("02:00:00:00:00:00:00:0b")];
    const document = recordDocument(aRecord({ staleGuids }), "ib0");
    expect(parseRecord(document)?.staleGuids).toEqual(staleGuids);
    for (const other of ["{}", "[5]", '["02:00"]', "null"]) {
      expect(parseRecord(document.replace('["02:00:00:00:00:00:00:0b"]', other)), other).toBeUndefined();
    }
  });

  test("contains GUIDs in their canonical spelling only", () => {
    const spelt = recordDocument(aRecord({ desired: { guid: guid("02:00:00:00:00:00:00:0a") } }), "ib0");
    expect(parseRecord(spelt)?.desired.guid).toBe("02:00:00:00:00:00:00:0a");
    expect(parseRecord(spelt.replaceAll(":0a", ":0A"))).toBeUndefined();
  });
});
