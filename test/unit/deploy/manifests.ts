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
  /** The path of the file, or of the directory that kustomize rendered. */
  readonly file: string;
  readonly kind: keyof Kinds;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what is being tested.
  readonly content: any;
}

/** Returns the manifests of one file. Throws on duplicate keys and other invalid YAML. */
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

/** Files that are not manifests: for kustomize, and for a Prometheus without its operator. */
const otherFiles = /(?:^|\/)(?:kustomization|alerts|scrape-config)\.yaml$/;

/** Returns all manifests in the files below a directory. */
export function allManifests(directory: string): Manifest[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml") && !otherFiles.test(name))
    .sort()
    .flatMap((name) => manifestsOf(join(directory, name)));
}

/** Returns the output of `kustomize build` for a directory. kustomize is Debian's. */
export function kustomized(directory: string): Manifest[] {
  const built = execFileSync("scripts/with", ["kustomize", "kustomize", "build", directory], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
    // The exception contains the error output.
    stdio: ["ignore", "pipe", "pipe"],
  });
  return manifestsIn(built, directory);
}

/**
 * Returns the type checker's errors about manifests as values of kinds.ts: unknown fields, missing fields, and
 * fields of another type. "" without errors.
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
