/*
 * Prints everything on the node that an attachment could change, for snapshot.ts to interpret. One line each of:
 *
 *   namespace NAME            "-" is the host's; the messages and settings that follow belong to this namespace
 *   message TYPE BYTES        a link, address or route, as the kernel describes it, in hexadecimal
 *   setting PATH VALUE
 *   function PCI DRIVER OVERRIDE DEVICES   a VF; its RDMA devices with node GUIDs, uverbs, umad, issm
 *   file PATH CHECKSUM        below /var/lib/cni; "special" if it is not a regular file
 *   owner PATH JSON           the VF's owner, from its lock file
 *   process EXECUTABLE
 *
 * It runs before and after each test. As a shell script it took ten times as long, because starting processes is slow
 * in the emulator.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
	fprintf(stderr, "snapshot: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Calls `visit` with each path that matches, in alphabetical order. A path can disappear before it is visited. */
static void each(const char *pattern, void (*visit)(const char *path))
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			visit(found.gl_pathv[i]);
	globfree(&found);
}

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* Reads the first line of a file. Returns false if the file cannot be read. */
static bool read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t length = read(fd, line, size - 1);
	close(fd);
	if (length < 0)
		return false;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static void print_setting(const char *path)
{
	char line[256];

	if (read_line(path, line, sizeof(line)))
		printf("setting %s %s\n", path, line);
}

static void print_message(const struct nlmsghdr *message)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = NLMSG_DATA(message);

	printf("message %d ", message->nlmsg_type);
	for (size_t i = 0; i < NLMSG_PAYLOAD(message, 0); i++) {
		putchar_unlocked(digits[bytes[i] >> 4]);
		putchar_unlocked(digits[bytes[i] & 15]);
	}
	putchar_unlocked('\n');
}

/* Sends a request for a dump, and prints each message of the answer. */
static void print_dump(int type, const void *body, size_t size)
{
	static char buffer[1 << 16] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	*message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP
	};
	memcpy(NLMSG_DATA(message), body, size);
	if (fd < 0 || send(fd, buffer, message->nlmsg_len, 0) < 0)
		fail("netlink");
	for (;;) {
		ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_TRUNC);

		if (length < 0 || length > (ssize_t)sizeof(buffer))
			fail("netlink");
		for (message = (struct nlmsghdr *)buffer; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
			if (message->nlmsg_type == NLMSG_DONE) {
				close(fd);
				return;
			}
			if (message->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(message))->error;
				fail("netlink");
			}
			print_message(message);
		}
	}
}

/* Prints the links, addresses and routes of the namespace that this process is in. */
static void print_network(void)
{
	static const struct {
		struct ifinfomsg body;
		struct rtattr attribute;
		uint32_t mask;
	} links = {
		.attribute = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_EXT_MASK },
		.mask = RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS,
	};
	static const struct ifaddrmsg addresses;
	static const struct rtmsg routes;

	print_dump(RTM_GETLINK, &links, sizeof(links));
	print_dump(RTM_GETADDR, &addresses, sizeof(addresses));
	print_dump(RTM_GETROUTE, &routes, sizeof(routes));
}

static void print_namespace(const char *name)
{
	printf("namespace %s\n", name);
	print_network();
	each("/proc/sys/net/ipv4/conf/*/arp_notify", print_setting);
	each("/proc/sys/net/ipv6/conf/*/ndisc_notify", print_setting);
	each("/proc/sys/net/ipv6/conf/*/disable_ipv6", print_setting);
	each("/proc/sys/net/ipv6/conf/*/keep_addr_on_down", print_setting);
}

/* Enters a namespace. A test can have put another file in its place. */
static void print_pod(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (setns(fd, CLONE_NEWNET) == 0)
		print_namespace(name_of(path));
	close(fd);
}

/* Prints the requested features of a netdev, and its interrupt moderation if it has any. A test can rename it. */
static void print_ethtool(const char *path)
{
	struct {
		struct ethtool_gfeatures header;
		struct ethtool_get_features_block blocks[4];
	} features = { .header = { .cmd = ETHTOOL_GFEATURES, .size = 4 } };
	struct ethtool_coalesce coalesce = { .cmd = ETHTOOL_GCOALESCE };
	struct ifreq request = { .ifr_data = (void *)&features };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, name_of(path), IFNAMSIZ - 1);
	if (ioctl(fd, SIOCETHTOOL, &request) >= 0)
		printf("setting %s/features %x %x\n", path, features.blocks[0].requested, features.blocks[1].requested);
	request.ifr_data = (void *)&coalesce;
	if (ioctl(fd, SIOCETHTOOL, &request) >= 0)
		printf("setting %s/coalesce %u %u\n", path, coalesce.rx_coalesce_usecs, coalesce.rx_max_coalesced_frames);
	close(fd);
}

static void print_device(const char *path)
{
	char file[512], guid[64];

	printf(" %s", name_of(path));
	snprintf(file, sizeof(file), "%s/node_guid", path);
	if (read_line(file, guid, sizeof(guid)))
		printf(" (%s)", guid);
}

static void print_function(const char *physfn)
{
	static const char *const classes[] = { "infiniband", "infiniband_verbs", "infiniband_mad" };
	int length = strlen(physfn) - strlen("/physfn");
	char path[512], target[512], override[256] = "";

	snprintf(path, sizeof(path), "%.*s", length, physfn);
	printf("function %s", name_of(path));
	snprintf(path, sizeof(path), "%.*s/driver", length, physfn);
	ssize_t end = readlink(path, target, sizeof(target) - 1);
	if (end >= 0)
		target[end] = '\0';
	snprintf(path, sizeof(path), "%.*s/driver_override", length, physfn);
	read_line(path, override, sizeof(override));
	printf(" %s %s", end < 0 ? "none" : name_of(target), override);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%.*s/%s/*", length, physfn, classes[i]);
		each(path, print_device);
	}
	printf("\n");
}

/* Prints a file with a hash of its content (FNV-1a). */
static int print_file(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status, (void)position;
	uint64_t hash = 0xcbf29ce484222325;
	unsigned char block[4096];
	ssize_t length;

	if (type == FTW_D)
		return 0;
	if (type != FTW_F || !S_ISREG(status->st_mode)) {
		printf("file %s special\n", path);
		return 0;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	while ((length = read(fd, block, sizeof(block))) > 0)
		for (ssize_t i = 0; i < length; i++)
			hash = (hash ^ block[i]) * 0x100000001b3;
	close(fd);
	if (length < 0)
		return -1;
	printf("file %s %016llx\n", path, (unsigned long long)hash);
	return 0;
}

static void print_owner(const char *path)
{
	char line[8192];

	if (read_line(path, line, sizeof(line)) && strstr(line, "\"owner\":"))
		printf("owner %s %s\n", path, line);
}

/* A kernel thread has no executable. */
static void print_process(const char *path)
{
	char executable[512];
	ssize_t length = readlink(path, executable, sizeof(executable) - 1);

	if (length > 0)
		printf("process %.*s\n", (int)length, executable);
}

int main(void)
{
	print_namespace("-");
	each("/sys/class/net/*/gro_flush_timeout", print_setting);
	each("/sys/class/net/*/napi_defer_hard_irqs", print_setting);
	each("/sys/class/net/*/threaded", print_setting);
	each("/sys/class/net/*/queues/rx-*/rps_*", print_setting);
	each("/sys/class/net/*/queues/tx-*/byte_queue_limits/limit_m*", print_setting);
	each("/sys/class/net/*/queues/tx-*/byte_queue_limits/hold_time", print_setting);
	each("/sys/class/net/*", print_ethtool);
	each("/run/netns/*", print_pod);
	each("/sys/bus/pci/devices/*/physfn", print_function);
	if (nftw("/var/lib/cni", print_file, 16, FTW_PHYS))
		fail("/var/lib/cni");
	each("/var/lib/cni/ib-sriov/.vf/*", print_owner);
	each("/proc/[0-9]*/exe", print_process);
	if (fflush(stdout))
		fail("stdout");
	return 0;
}
