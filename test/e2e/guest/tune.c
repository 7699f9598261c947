/*
 * Reads and changes settings of a netdev by ethtool, and runs commands as in an ordinary container.
 *
 *   tune show NETDEV        prints a line for the requested features, and one for the interrupt moderation
 *   tune features NETDEV    turns each feature that can be changed on or off
 *   tune coalesce NETDEV    changes the interrupt moderation
 *   tune as-pod COMMAND …   runs a command with CAP_NET_ADMIN as its only capability, and with a read-only /sys
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCKS = 4 };

static void require(int is_done, const char *what)
{
	if (is_done)
		return;
	fprintf(stderr, "tune: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ethtool(const char *netdev, void *structure, const char *what)
{
	struct ifreq request = { .ifr_data = structure };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, netdev, IFNAMSIZ - 1);
	require(fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) >= 0, what);
	close(fd);
}

static void run_as_pod(char **command)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 1u << CAP_NET_ADMIN, 1u << CAP_NET_ADMIN, 0 } };

	require(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
	require(mount("none", "/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0, "remount /sys");
	for (int i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++)
		if (i != CAP_NET_ADMIN)
			require(prctl(PR_CAPBSET_DROP, i) == 0, "drop");
	require(syscall(SYS_capset, &header, data) == 0, "capset");
	execvp(command[0], command);
	require(0, command[0]);
}

int main(int argc, char **argv)
{
	struct {
		struct ethtool_gfeatures header;
		struct ethtool_get_features_block blocks[BLOCKS];
	} features = { .header = { .cmd = ETHTOOL_GFEATURES, .size = BLOCKS } };
	struct {
		struct ethtool_sfeatures header;
		struct ethtool_set_features_block blocks[BLOCKS];
	} wanted = { .header = { .cmd = ETHTOOL_SFEATURES } };
	struct ethtool_coalesce coalesce = { .cmd = ETHTOOL_GCOALESCE };

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "as-pod"))
		run_as_pod(argv + 2);
	ethtool(argv[2], &features, "read the features");
	ethtool(argv[2], &coalesce, "read the interrupt moderation");
	if (!strcmp(argv[1], "show")) {
		printf("features %x %x\n", features.blocks[0].requested, features.blocks[1].requested);
		printf("coalesce %u %u\n", coalesce.rx_coalesce_usecs, coalesce.rx_max_coalesced_frames);
	} else if (!strcmp(argv[1], "features")) {
		wanted.header.size = features.header.size;
		for (unsigned i = 0; i < features.header.size && i < BLOCKS; i++)
			wanted.blocks[i] = (struct ethtool_set_features_block){
				features.blocks[i].available, ~features.blocks[i].requested
			};
		ethtool(argv[2], &wanted, "set the features");
	} else {
		coalesce = (struct ethtool_coalesce){
			.cmd = ETHTOOL_SCOALESCE, .rx_coalesce_usecs = 77, .rx_max_coalesced_frames = 9
		};
		ethtool(argv[2], &coalesce, "set the interrupt moderation");
	}
	return 0;
}
