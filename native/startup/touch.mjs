// The engine creates each of its built-in functions at the first access. The functions that a script uses are accessed
// when the image is made, so that a call does not have to create them: an ADD that fails early takes 1.13 times as long
// without this (`make ablation`).

/** Accesses the properties with these names of all built-in objects. */
function touch(names) {
  const seen = new Set();
  const visit = (value) => {
    if (!(value instanceof Object) || seen.has(value)) return;
    seen.add(value);
    for (const name of names) {
      const known = Object.getOwnPropertyDescriptor(value, name);
      if (known === undefined) continue;
      visit(known.value);
      visit(known.get);
    }
    visit(Object.getPrototypeOf(value));
    visit(Object.getOwnPropertyDescriptor(value, "prototype")?.value);
  };
  for (const name of Object.getOwnPropertyNames(globalThis)) visit(globalThis[name]);
  for (const list of [[], "", new Map(), new Set(), "".matchAll(/a/g)]) visit(list[Symbol.iterator]());
}

/** Returns a statement to append to a script, which accesses the properties that the script uses, such as `.map`. */
export function touching(script) {
  const names = new Set(Array.from(script.matchAll(/\.([A-Za-z]\w*)/g), ([, name]) => name));
  return `(${touch})(${JSON.stringify([...names].sort())}.concat(Symbol.iterator));\n`;
}
