// The file system of the state directory is full, read-only, or of another kind, or the path of a record contains
// something else. ADD refuses, and changes nothing; DEL succeeds if it can.
import { describe, expect, test } from "vitest";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf] = vfs;
const guid = "02:00:00:00:00:00:00:77";
const ipam = hostLocal(["10.1.0.0/24"]);
const config = network(vf, { guid, link_state: "enable", ipam });
const root = "/var/lib/cni/ib-sriov";
const record = `${root}/c1-net1`;

/** Runs a test with a separate file system in the state directory. */
const mounted = (options: string, test: () => Promise<void>) =>
  node.unchanged(async () => {
    await node.shell(`mkdir -p ${root}; mount ${options} ${root}`);
    try {
      await test();
    } finally {
      await node.shell(`umount ${root}`);
    }
  });
/** Fills the file system. */
const fill = () => node.shell(`dd if=/dev/zero of=${root}/.ballast bs=4k 2>/dev/null || true`);

/** Makes an ADD that must be refused for this reason, and a DEL. */
async function refusedFor(errno: string): Promise<void> {
  const before = await node.snapshot();
  const answer = await node.refused({ command: "ADD", netns: "a", config });
  expect(answer).toMatchObject({ code: 100, msg: expect.stringMatching(new RegExp(`${root}.*${errno}`)) });
  await node.expectSnapshot(before);
  await node.del("a", config);
  await node.expectSnapshot(before);
}

describe("the file system", () => {
  test("is full: ADD is refused", () =>
    mounted("-t tmpfs -o mode=700,size=16k tmpfs", async () => {
      await fill();
      await refusedFor("ENOSPC");
    }));

  test("has no more files: ADD is refused", () =>
    mounted("-t tmpfs -o mode=700,nr_inodes=2 tmpfs", async () => {
      await node.shell(`touch ${root}/.ballast`);
      await refusedFor("ENOSPC");
    }));

  // There is space for lock files, but not for a record.
  test("has space only for a lock file: ADD is refused", () =>
    mounted("-t tmpfs -o mode=700,nr_inodes=4 tmpfs", async () => {
      await node.shell(`mkdir ${root}/.vf; touch ${root}/.vf/${vf} ${root}/.ballast`);
      await refusedFor("ENOSPC");
    }));

  test("becomes full during ADD: ADD and DEL succeed", () =>
    mounted("-t tmpfs -o mode=700,size=64k tmpfs", async () => {
      await node.plugin(
        "fake",
        `[ $CNI_COMMAND = ADD ] || exit 0
        dd if=/dev/zero of=${root}/.ballast bs=4k 2>/dev/null
        echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
      );
      const own = network(vf, { ipam: { type: "fake" } });
      await node.add("a", own);
      expect(await node.shell(`df ${root} | tail -n 1`)).toMatch(/ 100% /);
      await node.del("a", own);
    }));

  test("becomes full while a container runs: DEL succeeds", () =>
    mounted("-t tmpfs -o mode=700,size=64k tmpfs", async () => {
      await node.add("a", config);
      await fill();
      await node.del("a", config);
    }));

  test("is read-only: ADD is refused", () =>
    mounted("-t tmpfs -o mode=700,ro tmpfs", () => refusedFor("EROFS")));

  test("becomes read-only while a container runs: DEL reports that, and succeeds when the file system is writable", () =>
    mounted("-t tmpfs -o mode=700 tmpfs", async () => {
      await node.add("a", config);
      await node.shell(`mount -o remount,ro ${root}`);
      const answer = await node.refused({ command: "DEL", netns: "a", config });
      expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining("EROFS") });
      await node.shell(`mount -o remount,rw ${root}`);
      await node.del("a", config);
    }));

  test.each([0, 1])("allows only files of %i KiB (RLIMIT_FSIZE): ADD is refused, not killed", (limit) =>
    node.unchanged(async () => {
      const wrap = `bash -c 'ulimit -f ${limit}; exec "$0"'`;
      const call = commandLine(plugin, { command: "ADD", netns: "a", config }, wrap);
      // The guest's stdout is a file, too.
      const { status, stdout } = await node.guest.execute(`set -o pipefail; ${call} | cat`);
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ code: 100, msg: expect.stringMatching(/EFBIG|EIO/) });
      await node.del("a", config);
    }),
  );

  test("has no files without names (9p): ADD writes a record nevertheless", () =>
    mounted("--bind /host/out", async () => {
      await node.add("a", config);
      expect(JSON.parse(await node.shell(`cat ${record}`)).attachment.state).toBe("c");
      await node.del("a", config);
    }));
});

describe("if the path of the record contains", () => {
  const others = [
    ["an empty file", `touch ${record}`],
    ["garbage", `head -c 3000 /dev/urandom >${record}`],
    ["half a record", `echo '{"attachment":{"format":1,"state":"c","contai' >${record}`],
    ["JSON of another kind", `echo '[{"attachment":[]}]' >${record}`],
    ["a directory", `mkdir ${record}`],
    ["a link to a file of another program", `ln -s /tmp/precious ${record}`],
    ["a FIFO", `mkfifo ${record}`],
    ["more bytes than a record can have", `truncate -s 2M ${record}`],
  ] as const;

  test.each(others)("%s: ADD is refused until DEL has removed it", (_, make) =>
    node.unchanged(async () => {
      await node.shell(`mkdir -p ${root}; echo precious >/tmp/precious; ${make}`);
      const before = await node.snapshot();
      const answer = await node.refused({ command: "ADD", netns: "a", config });
      expect(answer).toMatchObject({ code: 4, msg: expect.stringContaining("c1") });
      await node.expectSnapshot(before);
      await node.del("a", config);
      await node.shell(`! [ -e ${record} ]; [ "$(cat /tmp/precious)" = precious ]`);
      await node.add("a", config);
      await node.del("a", config);
    }),
  );

  test.each(others)(
    "%s since ADD: DEL returns the VF to the host namespace and releases the lease",
    (_, make) =>
      node.unchanged(async () => {
        // Without a GUID: the original GUID is not known if the record is lost.
        const kept = network(vf, { ipam });
        const name = await node.hostNetdev(vf);
        await node.add("a", kept);
        await node.shell(`echo precious >/tmp/precious; rm ${record}; ${make}`);
        await node.del("a", kept);
        await node.shell(`! [ -e ${record} ]; [ "$(cat /tmp/precious)" = precious ]`);
        // The VF's names, and that its netdev was up, are lost with the record.
        await node.renameHostNetdev(vf, name);
        await node.shell(`ip link set ${name} up; ip link property add dev ${name} altname rail0`);
      }),
  );
});
