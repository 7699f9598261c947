// Hundreds of attachments leave no more behind than a single attachment.
import { expect, test } from "vitest";
import { hostLocal } from "./harness/cni.ts";
import { inRepository, quote } from "./harness/guest.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode({ files: [inRepository("test/e2e/guest/churn.sh")] });

/** For each VF: pod, rounds, more of the configuration, and the first bytes of a GUID, if the rounds set GUIDs. */
const churns = [
  ["a", 60, `"ipam":${JSON.stringify(hostLocal(["10.1.0.0/24"]))},`],
  ["b", 240, '"link_state":"enable",'],
  ["a", 100, "", "02:00:00:00:00:02:00"],
  ["b", 100, '"link_state":"enable",', "02:00:00:00:00:03:00"],
] as const;
const total = churns.reduce((sum, [, rounds]) => sum + rounds, 0);

/** Slabs of kernel objects of which every attachment creates some. */
const caches = ["filp", "kernfs_node_cache", "net_namespace", "sock_inode_cache", "task_struct"];

/** Attaches and detaches all VFs at the same time, repeatedly. */
async function churn(roundsOf: (rounds: number) => number): Promise<void> {
  const started = churns.map(
    ([pod, rounds, keys, guid = ""], i) =>
      `bash /host/churn.sh ${vfs[i]} ${pod} ${roundsOf(rounds)} ${quote(keys)} ${guid} >/tmp/churn.${i} 2>&1 &`,
  );
  expect(await node.shell(`${started.join("\n")}\nwait; cat /tmp/churn.*`, 1500)).toBe("");
}

/** Returns the numbers of objects that could accumulate, by name. */
async function numbers(): Promise<Record<string, number>> {
  // Drops the kernel's caches first.
  const script = `sync; echo 3 >/proc/sys/vm/drop_caches
    for cache in ${caches.join(" ")}; do
      [ ! -e /sys/kernel/slab/$cache/shrink ] || echo 1 >/sys/kernel/slab/$cache/shrink
      awk -v cache=$cache '$1 == cache { print cache, $2 }' /proc/slabinfo
    done
    echo "open files $(cut -f 1 /proc/sys/fs/file-nr)"
    echo "pages of kernel memory $(awk '$1 == "SUnreclaim:" { print $2 / 4 }' /proc/meminfo)"
    set -- /proc/[0-9]*
    echo "processes $#"`;
  const lines = (await node.shell(script)).trimEnd().split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** Lists everything whose number must be exactly as before. */
const left = () =>
  node.shell(`find /var/lib/cni /run /tmp -xdev | sort; cat /proc/locks; ls /sys/class/net /sys/class/infiniband*
    for namespace in /proc/[0-9]*/ns/net; do readlink $namespace || true; done | sort -u`);

test(`${total} attachments, with and without a rebind and addresses, leave nothing behind`, () =>
  node.unchanged(async () => {
    // The first attachments create what stays: lock files, and objects that the kernel keeps in reserve.
    await churn(() => 3);
    const [before, counted] = [await left(), await numbers()];
    await churn((rounds) => rounds);
    const now = await numbers();
    expect(await left()).toBe(before);
    expect(Object.keys(now)).toEqual(expect.arrayContaining(["open files", "filp", "kernfs_node_cache"]));
    // The kernel's own figures vary a little, but the limit detects an object that every second attachment leaves
    // behind.
    for (const [what, number] of Object.entries(now)) {
      expect(number - (counted[what] ?? 0), `more ${what} than before`).toBeLessThan(total / 2);
    }
  }));
