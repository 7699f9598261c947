// The engine makes each of its built-in functions when it is first asked for. What a script names is asked for when the
// image is made, so that no call has to: a twentieth of an ADD was spent on that.

/** Looks at the properties of those names of all built-in objects. */
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

/** A statement to be added to a script: it touches what the script names, as `.map`. */
export function touching(script) {
  const names = new Set(Array.from(script.matchAll(/\.([A-Za-z]\w*)/g), ([, name]) => name));
  return `(${touch})(${JSON.stringify([...names].sort())}.concat(Symbol.iterator));\n`;
}
