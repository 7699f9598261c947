import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Kinds } from "./kinds.ts";

/** A manifest, and the file that it is in. */
export interface Manifest {
  /** Or the directory that kustomize made it of. */
  readonly file: string;
  readonly kind: keyof Kinds;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what is being tested.
  readonly content: any;
}

/** The manifests of one file. A key that is there twice, and whatever else YAML does not allow, throws. */
export function manifestsOf(file: string): Manifest[] {
  return manifestsIn(readFileSync(file, "utf8"), file);
}

function manifestsIn(text: string, file: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    const content = document.toJS();
    return { file, kind: `${content.apiVersion} ${content.kind}` as keyof Kinds, content };
  });
}

/** All of them below a directory as they lie there. kustomization.yaml is for kustomize and no manifest. */
export function allManifests(directory: string): Manifest[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml") && !name.endsWith("kustomization.yaml"))
    .sort()
    .flatMap((name) => manifestsOf(join(directory, name)));
}

/** What `kustomize build` makes of a directory. kustomize is Debian's. */
export function kustomized(directory: string): Manifest[] {
  const built = execFileSync("scripts/with", ["kustomize", "kustomize", "build", directory], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
    // What it says of an error is in the exception.
    stdio: ["ignore", "pipe", "pipe"],
  });
  return manifestsIn(built, directory);
}

/**
 * What the type checker says of manifests that are held against kinds.ts: fields that do not exist, are missing, or
 * have another type. "" for nothing.
 */
export function typeErrors(manifests: readonly Manifest[]): string {
  const scratch = mkdtempSync(join(tmpdir(), "manifests-"));
  try {
    symlinkSync(resolve("node_modules"), join(scratch, "node_modules"));
    copyFileSync(join(dirname(new URL(import.meta.url).pathname), "kinds.ts"), join(scratch, "kinds.ts"));
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
