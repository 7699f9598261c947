import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The tests of native/ run twice: with the executable as it ships, and with the sanitizers in it. */
function native(name: string, directory: string, exclude: string[]) {
  return {
    test: {
      name,
      include: ["test/native/**/*.test.ts"],
      exclude,
      env: { HOST_TEST: at(`${directory}/host-test`), IB_SRIOV: at(`${directory}/ib-sriov`) },
      testTimeout: 30_000,
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      {
        // The module `host` is the engine's; on Node its pure functions have a stand-in.
        resolve: { alias: { host: at("test/support/host.ts") } },
        test: { name: "unit", include: ["test/unit/**/*.test.ts"] },
      },
      native("native", "build", []),
      // hostile-input has both variants in it.
      native("native-asan", "build/asan", [
        "test/native/hostile-input.test.ts",
        "test/native/pieces.test.ts",
      ]),
      {
        // Virtual machines: one at a time, and slow where there is no KVM.
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
