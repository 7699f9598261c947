import { fileURLToPath } from "node:url";

/** The executables under test: as shipped, and with the address and undefined-behavior sanitizers. */
export const executables = [
  { variant: "released", path: built("ib-sriov") },
  { variant: "sanitized", path: built("asan/ib-sriov") },
];

function built(name: string): string {
  return fileURLToPath(new URL(`../../build/${name}`, import.meta.url));
}
