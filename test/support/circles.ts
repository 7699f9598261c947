/** Returns the circles of files that use each other, each as "a > b > a". */
export function circlesOf(uses: ReadonlyMap<string, Iterable<string>>): string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (path: string, way: readonly string[]) => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" > "));
    if (done.has(path)) return;
    done.add(path);
    for (const next of uses.get(path) ?? []) follow(next, [...way, path]);
  };
  for (const path of uses.keys()) follow(path, []);
  return circles;
}
