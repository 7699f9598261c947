import { spawnSync } from "node:child_process";
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
import { parse, parseAllDocuments } from "yaml";
import type { Kinds } from "./kinds.ts";

/** A manifest, and the file that it is in. */
export interface Manifest {
  readonly file: string;
  readonly kind: keyof Kinds;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what is being tested.
  readonly content: any;
}

/** The manifests of one file. A key that is there twice, and whatever else YAML does not allow, throws. */
export function manifestsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, "utf8"), { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    const content = document.toJS();
    return { file, kind: `${content.apiVersion} ${content.kind}` as keyof Kinds, content };
  });
}

/** All of them below a directory, without those that kustomize makes. */
export function allManifests(directory: string): Manifest[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .flatMap((name) => manifestsOf(join(directory, name)));
}

/** What `kustomize build` makes of a directory, as far as our kustomizations go: resources, patches and images. */
export function kustomized(directory: string): Manifest[] {
  const [kustomization] = manifestsOf(join(directory, "kustomization.yaml"));
  if (kustomization === undefined) throw new Error(`${directory} has no kustomization`);
  const { resources, patches = [], images = [] } = kustomization.content;
  const manifests: Manifest[] = resources.flatMap((name: string) =>
    name.endsWith(".yaml") ? manifestsOf(join(directory, name)) : kustomized(join(directory, name)),
  );
  for (const { target, patch } of patches) {
    const targets = manifests.filter(
      ({ content }) => content.kind === target.kind && content.metadata.name === target.name,
    );
    if (targets.length !== 1) throw new Error(`${directory}: a patch has ${targets.length} targets`);
    for (const { content } of targets) for (const operation of parse(patch)) apply(content, operation);
  }
  for (const { content } of manifests) {
    for (const container of content.spec?.template?.spec.containers ?? []) {
      for (const { name, newTag } of images) if (container.image === name) container.image += `:${newTag}`;
    }
  }
  return manifests;
}

/** A document of maps and lists, which JSON pointers (RFC 6901) go down alike. */
interface Tree {
  [key: string]: Tree;
}

/** RFC 6902, of which `add` to an object and `replace` are enough. */
function apply(document: Tree, operation: { op: string; path: string; value: Tree }): void {
  const keys = operation.path.split("/").slice(1);
  const last = keys.pop() ?? "";
  const parent = keys.reduce<Tree | undefined>((at, key) => at?.[key], document);
  const exists = parent !== undefined && last in parent;
  if (parent === undefined || exists !== (operation.op === "replace") || (!exists && operation.op !== "add"))
    throw new Error(`the patch ${operation.op} ${operation.path} does not fit`);
  parent[last] = operation.value;
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
