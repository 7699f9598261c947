// The conditions of a release (scripts/release/make.mjs).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { obstacleTo } from "../../../scripts/release/make.mjs";

const changelog =
  "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.0] - 2026-01-31\n\n### Added\n\n- old\n\n## [1.1.0]\n";
const repository = { changelog, packageVersion: "1.2.0" };
const image = "registry.example:5000/fabric/ib-sriov";

test.each([
  ["a tag with a section", "1.2.0"],
  ["a commit after a tag", "1.2.0-7-g0123456789ab"],
  ["a commit after the tag of a release candidate", "1.3.0-rc.1-7-g0123456789ab"],
])("nothing prevents a release of %s", (_, version) => {
  expect(obstacleTo(version, image, repository)).toBe("");
});

test.each(["1.2.0-dirty", "1.2.0-7-g0123456789ab-dirty"])(
  "changed files prevent a release: %s",
  (version) => {
    expect(obstacleTo(version, image, repository)).toBe(
      `the version is ${version}: commit the changes, or remove them`,
    );
  },
);

test("a tag that is not the version of package.json prevents a release", () => {
  expect(obstacleTo("1.3.0", image, repository)).toBe(
    "the tag is v1.3.0, but the version in package.json is 1.2.0",
  );
});

test.each([
  ["no section", changelog.replace("[1.2.0]", "[1.2.1]"), 'has no section "## [1.2.0] - YYYY-MM-DD"'],
  [
    "a section without a date",
    changelog.replace("2026-01-31", ""),
    'has no section "## [1.2.0] - YYYY-MM-DD"',
  ],
  [
    "an empty section",
    changelog.replace("- old", ""),
    'the section "## [1.2.0] - …" of CHANGELOG.md is empty',
  ],
])("a changelog with %s prevents a release of a tag", (_, text, problem) => {
  expect(obstacleTo("1.2.0", image, { ...repository, changelog: text })).toContain(problem);
});

test.each([
  "",
  "ib-sriov",
  "registry.example/ib-sriov:1.2.0",
  "https://registry.example/ib-sriov",
  `${image}@sha256:0`,
])("the image %j prevents a release", (name) => {
  expect(obstacleTo("1.2.0", name, repository)).toMatch(
    /^set IMAGE to the name of the image in its registry/,
  );
});

test("the changelog has a section for the version of this repository, which the manifests have, too", () => {
  const packageVersion = JSON.parse(readFileSync("package.json", "utf8")).version;
  const texts = { changelog: readFileSync("CHANGELOG.md", "utf8"), packageVersion };
  expect(obstacleTo(packageVersion, image, texts)).toBe("");
  const { images } = parse(readFileSync("deploy/base/kustomization.yaml", "utf8"));
  expect(images).toEqual([{ name: "ib-sriov", newTag: packageVersion }]);
  const versions = readFileSync("deploy/rendered/agent.yaml", "utf8").match(
    /(?<=kubernetes\.io\/version: ).*/g,
  );
  expect(new Set(versions)).toEqual(new Set([packageVersion]));
});
