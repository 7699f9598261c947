import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkVersion,
  familyOf,
  SUPPORTED_VERSIONS,
  versionDocument,
  versionsIn,
} from "../../../src/cni/versions.ts";
import { orCniError, thrown } from "./thrown.ts";

const supports = 'plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]';

describe("versions", () => {
  test.each(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])(
    "ADD and DEL support %s",
    (version) => {
      expect(checkVersion("ADD", version)).toBe(version);
      expect(checkVersion("DEL", version)).toBe(version);
    },
  );

  test.each(["1.2.0", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "", "0.0.0", "2.0.0", "x"])(
    "%j is compared exactly, and not supported: code 1",
    (version) => {
      expect(thrown(() => checkVersion("ADD", version))).toMatchObject({
        code: 1,
        message: "incompatible CNI versions",
        details: `config is ${JSON.stringify(version)}, ${supports}`,
      });
    },
  );

  test.each([
    ["CHECK", "0.3.1"],
    ["CHECK", "0.1.0"],
    ["CHECK", "0.3.99"],
    ["GC", "1.0.0"],
    ["STATUS", "1.0.0"],
    ["STATUS", "0.4.0"],
  ])("%s is not allowed by a configuration of %s: code 1", (command, version) => {
    expect(thrown(() => checkVersion(command, version))).toMatchObject({
      code: 1,
      message: `config version does not allow ${command}`,
    });
  });

  test.each([
    ["CHECK", "0.4.0"],
    ["CHECK", "1.0.0"],
    ["CHECK", "1.1.0"],
    ["GC", "1.1.0"],
    ["STATUS", "1.1.0"],
  ])("%s is allowed by %s", (command, version) => {
    expect(checkVersion(command, version)).toBe(version);
  });

  test.each(["CHECK", "GC", "STATUS"])("%s with a version above all supported ones: code 1", (command) => {
    for (const version of ["1.1.1", "1.2.0", "2", "10.0.0"]) {
      expect(thrown(() => checkVersion(command, version))).toMatchObject({
        code: 1,
        message: `plugin version does not allow ${command}`,
      });
    }
  });

  test("CHECK between two supported versions: code 1, incompatible", () => {
    expect(thrown(() => checkVersion("CHECK", "0.5.0"))).toMatchObject({
      code: 1,
      message: "incompatible CNI versions",
    });
  });

  test.each(["CHECK", "GC", "STATUS"])("%s with an invalid version: code 6", (command) => {
    for (const version of ["x", "1.x.0", "1.0.0.0", "1..0", "-1.0.0", "1.0.0-rc1", " 1"]) {
      expect(thrown(() => checkVersion(command, version)).code).toBe(6);
    }
  });

  test("any text is supported or a CniError", () => {
    fc.assert(
      fc.property(fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS"), fc.string(), (command, text) => {
        orCniError(() => checkVersion(command, text));
      }),
    );
  });

  test("families", () => {
    expect(SUPPORTED_VERSIONS.map(familyOf)).toEqual(["0.1", "0.1", "0.3", "0.3", "0.3", "1.0", "1.0"]);
  });

  test.each([
    ['{"cniVersion":"0.4.0"}', "0.4.0"],
    // A later version, which is not supported.
    ['{"cniVersion":"2.0.0"}', "2.0.0"],
    ...["", "garbage", "[]", "{}", '{"cniVersion":1}', '{"cniVersion":"x"}'].map((input) => [input, "1.1.0"]),
  ])(
    "VERSION answers one line of compact JSON with its newline, and the cniVersion of %j: %s",
    (input, cniVersion) => {
      expect(versionDocument(input)).toBe(
        `{"cniVersion":"${cniVersion}","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n`,
      );
    },
  );

  test("the versions of another plugin's answer, `undefined` if it is not an answer", () => {
    expect(versionsIn(versionDocument(""))).toEqual([...SUPPORTED_VERSIONS]);
    for (const answer of ["", "{", "[]", "null", "{}", '{"supportedVersions":"1.1.0"}']) {
      expect(versionsIn(answer)).toBeUndefined();
    }
  });
});
