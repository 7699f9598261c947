import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The module `host` is the engine's; on Node its pure functions have a stand-in. */
const onNode = { resolve: { alias: { host: at("test/support/host.ts") } } };

/** Tests that have both variants of the executable in them, or none. */
const bothOrNeither = ["hostile-input", "state-files", "image", "release/*", "deploy/monitoring"].map(
  (name) => `test/native/${name}.test.ts`,
);

/** Tests of texts, which the sanitizers would only slow down: other tests run the same commands with them. */
const texts = ["every-command", "deploy/kubectl"].map((name) => `test/native/${name}.test.ts`);

/** The longest files of each project, the longest first. */
const longest = [
  ...["signals", "agent-privileges", "containerd", "udev", "soak", "selftest", "runner", "commands"],
  ...["retry", "ipam", "verbs", "prometheus", "concurrency", "doctor", "isolation", "del", "ownership"],
  ...["check", "administration", "module"],
]
  .map((name) => `e2e/${name}`)
  .concat(["every-command", "install-watch", "hostile-input", "agent"].map((name) => `native/${name}`))
  .concat(["devices/isolation", "devices/derived-guid", "recovery/take-over", "verbs/del", "verbs/add"])
  .map((name) => `/${name}.test.ts`);

/** Begins with the longest files, so that no processor is idle at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }

  /** Deals out the files, so that each shard (SHARD of scripts/test.mjs) gets its part of the longest files. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index, count } = this.ctx.config.shard ?? { index: 1, count: 1 };
    const nameOf = ({ moduleId, project }: TestSpecification) => `${moduleId} ${project.name}`;
    const inOrder = files.toSorted((a, b) => rankOf(a) - rankOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1));
    return inOrder.filter((_, at) => at % count === index - 1);
  }
}

/** Returns the place of a file among the longest ones. */
function rankOf({ moduleId }: TestSpecification): number {
  const at = longest.findIndex((path) => moduleId.endsWith(path));
  return at < 0 ? longest.length : at;
}

/** Unit tests that replace modules for themselves, which must not have an effect on other files. */
const mocking = readdirSync(at("test/unit"), { recursive: true, encoding: "utf8" })
  .map((name) => `test/unit/${name}`)
  .filter((path) => path.endsWith(".test.ts") && readFileSync(at(path), "utf8").includes("vi.mock("));

/** For property tests. */
const setupFiles = ["test/support/fixed-seed.ts"];

/** For tests that only compute: by default, vitest leaves one processor idle. */
const maxWorkers = "100%";

/** Nothing in them waits: the limit only ends what hangs, and must not fail what a busy machine slows down. */
function unit(name: string, files: { include: string[]; exclude?: string[]; isolate?: boolean }) {
  return { ...onNode, test: { name, ...files, setupFiles, testTimeout: 180_000, maxWorkers } };
}

/** The tests of native/ run twice: with the executable as it ships, and with the sanitizers in it. */
function native(name: string, directory: string, exclude: string[]) {
  return {
    ...onNode,
    test: {
      name,
      include: ["test/native/**/*.test.ts"],
      exclude,
      setupFiles,
      // Half of their time, these tests wait for timers of the executable, so that three of them keep two processors busy.
      maxWorkers: 3,
      env: { HOST_TEST: at(`${directory}/host-test`), IB_SRIOV: at(`${directory}/ib-sriov`) },
      // Longer than test/support/patience.ts, so that a test reports its own timeout.
      testTimeout: 300_000,
    },
  };
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      // Loading the modules again for each file takes longer than the tests.
      unit("unit", { include: ["test/unit/**/*.test.ts"], exclude: mocking, isolate: false }),
      unit("unit-mocking", { include: mocking }),
      // A test is a scenario, failed or killed at each of its calls: thousands of cases.
      {
        ...onNode,
        test: {
          name: "simulator",
          include: ["test/simulator/**/*.test.ts"],
          testTimeout: 300_000,
          maxWorkers,
        },
      },
      // Bounded by cases, or by FUZZ_SECONDS (test/fuzz/fuzz.ts).
      {
        ...onNode,
        test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], hookTimeout: 60_000, maxWorkers },
      },
      native("native", "build", []),
      native("native-asan", "build/asan", [...bothOrNeither, ...texts]),
      {
        // Virtual machines: two at a time. They are slow without KVM, and each waits for half of its time, for example
        // while the kernel removes VFs. But with three on two processors, a guest with two processors hung in a wait for
        // its other one (seen once, in QEMU's emulation).
        ...onNode,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          maxWorkers: 2,
          // Longer than what test/e2e/harness/guest.ts waits for an answer.
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
