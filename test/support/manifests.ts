import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
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

/** The names of the overlays, which are directories of deploy/. */
export const overlays = readdirSync("deploy")
  .filter((name) => existsSync(`deploy/${name}/kustomization.yaml`))
  .sort();

/** Returns the manifests of one file. Throws on duplicate keys and other invalid YAML. */
export function manifestsOf(file: string): Manifest[] {
  return manifestsIn(readFileSync(file, "utf8"), file);
}

/** Returns the manifests of a text. `file` is the path for messages. */
export function manifestsIn(text: string, file: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    const content = document.toJS();
    return { file, kind: `${content.apiVersion} ${content.kind}` as keyof Kinds, content };
  });
}

/** Files that are not manifests: for kustomize, and for a Prometheus without its operator. */
const otherFiles = /(?:^|\/)(?:kustomization|alerts|scrape-config)\.yaml$/;

/**
 * Returns all manifests in the files below a directory, except those in `deploy/rendered`. Not for the API server but for
 * kustomize are kustomization.yaml and patches, which have the name of their directory.
 */
export function allManifests(directory: string): Manifest[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml") && !otherFiles.test(name))
    .filter((name) => !name.startsWith("rendered/") && !/(?:^|\/)(\w+)\/\1\.yaml$/.test(name))
    .sort()
    .flatMap((name) => manifestsOf(join(directory, name)));
}

/** Returns the text that `kustomize build` prints for a directory. kustomize is Debian's. */
export function kustomizedText(directory: string): string {
  return execFileSync("scripts/with", ["kustomize", "kustomize", "build", directory], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
    // The exception contains the error output.
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Returns the manifests that kustomize renders for a directory. */
export function kustomized(directory: string): Manifest[] {
  return manifestsIn(kustomizedText(directory), directory);
}

/** Returns the manifests that kustomize renders for an overlay with components, all by their names in deploy/. */
export function kustomizedWith(overlay: string, ...components: string[]): Manifest[] {
  mkdirSync("build", { recursive: true });
  // Inside of the repository, because kustomize accepts only relative paths.
  const directory = mkdtempSync("build/kustomization-");
  try {
    const kustomization = {
      resources: [`../../deploy/${overlay}`],
      components: components.map((name) => `../../deploy/components/${name}`),
    };
    writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify(kustomization));
    return kustomized(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Returns the pod of the only DaemonSet among manifests. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what is being tested.
export function podOf(manifests: readonly Manifest[]): any {
  const [daemonSet, ...more] = manifests.filter(({ content }) => content.kind === "DaemonSet");
  if (daemonSet === undefined || more.length > 0) throw new Error("expected one DaemonSet");
  return daemonSet.content.spec.template.spec;
}
