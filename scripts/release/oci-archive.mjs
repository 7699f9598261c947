// Reads an image for several architectures in an OCI archive (scripts/image), and checks that its parts have the contents
// that their names promise.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const BLOCK = 512;

/** @typedef {Map<string, Buffer>} Files the regular files of a tar archive, by their paths without "./" */

/**
 * @typedef {{ architecture: string, config: { config: { Labels?: Record<string, string> } }, files: Files }} Image
 * @typedef {{ digest: string, images: Image[] }} Archive `digest` identifies the image in a registry.
 */

/** @returns {Files} of a tar archive whose paths are short, as scripts/image and buildah write them */
export function filesInTar(bytes) {
  const files = new Map();
  const field = (at, length) => bytes.toString("latin1", at, at + length).replace(/\0[\s\S]*/, "");
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(field(at + 124, 12), 8);
    if (!Number.isSafeInteger(size)) throw new Error("is not a tar archive");
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (field(at + 156, 1) === "0") files.set(field(at, 100).replace(/^\.\//, ""), content);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

/** @returns {string} SHA-256 in hexadecimal */
export function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * @returns {Archive}
 * @throws {Error} if a part is missing, or does not have the content that its name promises
 */
export function readArchive(path) {
  const files = filesInTar(readFileSync(path));
  const required = (name) => {
    const content = files.get(name);
    if (content === undefined) throw new Error(`contains no ${name}`);
    return content;
  };
  const blob = (digest) => {
    const content = required(`blobs/${digest.replace(":", "/")}`);
    if (digest !== `sha256:${sha256(content)}`) throw new Error(`has another content in ${digest}`);
    return content;
  };
  const json = (digest) => JSON.parse(blob(digest));
  const [{ digest }] = JSON.parse(required("index.json")).manifests;
  const images = json(digest).manifests.map((entry) => {
    const manifest = json(entry.digest);
    const layers = manifest.layers.map((layer) => filesInTar(gunzipSync(blob(layer.digest))));
    return {
      architecture: entry.platform.architecture,
      config: json(manifest.config.digest),
      files: new Map(layers.flatMap((layer) => [...layer])),
    };
  });
  return { digest, images };
}
