/** Returns a name as the value of a label, without capital letters and spaces: "host netdev" becomes "host-netdev". */
export function labelOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}
