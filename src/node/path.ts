/** Returns a path without its last part; "" if the path has only one part. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Returns the last part of a path, e.g. "mlx5_core". */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
