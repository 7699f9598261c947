import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Manifest } from "../../support/manifests.ts";

/**
 * Returns the type checker's errors about manifests as values of kinds.ts: unknown fields, missing fields, and
 * fields of another type. "" without errors.
 */
export function typeErrors(manifests: readonly Manifest[]): string {
  const scratch = mkdtempSync(join(tmpdir(), "manifests-"));
  try {
    symlinkSync(resolve("node_modules"), join(scratch, "node_modules"));
    copyFileSync("test/support/kinds.ts", join(scratch, "kinds.ts"));
    const lines = manifests.map(
      ({ file, kind, content }, i) =>
        `// ${file}\nexport const m${i}: Kinds[${JSON.stringify(kind)}] = ${JSON.stringify(content, undefined, 1)};`,
    );
    const program = ['import type { Kinds } from "./kinds.ts";', ...lines, ""].join("\n");
    writeFileSync(join(scratch, "manifests.ts"), program);
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--allowImportingTsExtensions", "--types", ""];
    const { stdout, error } = spawnSync(
      resolve("node_modules/.bin/tsc"),
      [...options, "--module", "esnext", "--moduleResolution", "bundler", "manifests.ts"],
      { cwd: scratch, encoding: "utf8" },
    );
    if (error !== undefined) throw error;
    return stdout;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
