/*
 * The floor of ADD and DEL: gives a VF with a GUID to a network namespace and returns it, with only the necessary
 * kernel calls. It checks nothing, saves nothing, and leaves the VF's attributes as they are after a rebind. The
 * additional time of a plugin is the cost of the plugin itself.
 *
 *   floor PF_NETDEV VF_INDEX VF_PCI DRIVER NETNS_PATH IFNAME [GUID [ORIGINAL_GUID]]      (GUIDs in hexadecimal)
 *
 * Without ORIGINAL_GUID, only ADD is done; without GUID, only ADD of a VF that already runs with the right GUID, so
 * that no rebind is needed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int rtnetlink;

static void fail(const char *call)
{
	fprintf(stderr, "floor: %s: %s\n", call, strerror(errno));
	exit(1);
}

/* Several messages in one buffer, for one send. */
struct batch {
	_Alignas(NLMSG_ALIGNTO) char bytes[1024];
	size_t length;
	int messages;
};

static struct nlmsghdr *set_link(struct batch *batch, int index)
{
	struct nlmsghdr *message = (void *)(batch->bytes + batch->length);
	struct ifinfomsg *link = NLMSG_DATA(message);

	message->nlmsg_len = NLMSG_LENGTH(sizeof(*link));
	message->nlmsg_type = RTM_SETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++batch->messages;
	link->ifi_index = index;
	return message;
}

static struct rtattr *put(struct nlmsghdr *message, int type, const void *data, size_t length)
{
	struct rtattr *attribute = (void *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(length);
	if (length)
		memcpy(RTA_DATA(attribute), data, length);
	message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void end(const struct nlmsghdr *message, struct rtattr *nest)
{
	nest->rta_len = (char *)message + message->nlmsg_len - (char *)nest;
}

static void done(struct batch *batch, const struct nlmsghdr *message)
{
	batch->length += NLMSG_ALIGN(message->nlmsg_len);
}

static void exchange(const struct batch *batch)
{
	char answer[4096];

	if (send(rtnetlink, batch->bytes, batch->length, 0) < 0)
		fail("send");
	for (int acknowledged = 0; acknowledged < batch->messages;) {
		ssize_t length = recv(rtnetlink, answer, sizeof(answer), 0);

		if (length < 0)
			fail("recv");
		for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, length);
		     message = NLMSG_NEXT(message, length), acknowledged++) {
			const struct nlmsgerr *error = NLMSG_DATA(message);

			errno = -error->error;
			if (message->nlmsg_type != NLMSG_ERROR || error->error)
				fail("RTM_SETLINK");
		}
	}
}

/* Sets both GUIDs. do_setvfinfo returns after the node GUID, so each GUID needs a separate message. */
static void set_guids(int pf, uint32_t vf, uint64_t guid)
{
	static const int types[] = { IFLA_VF_IB_NODE_GUID, IFLA_VF_IB_PORT_GUID };
	struct ifla_vf_guid value = { .vf = vf, .guid = guid };
	struct batch batch = {};

	for (int i = 0; i < 2; i++) {
		struct nlmsghdr *message = set_link(&batch, pf);
		struct rtattr *list = put(message, IFLA_VFINFO_LIST, NULL, 0);
		struct rtattr *info = put(message, IFLA_VF_INFO, NULL, 0);

		put(message, types[i], &value, sizeof(value));
		end(message, info);
		end(message, list);
		done(&batch, message);
	}
	exchange(&batch);
}

static void write_address(const char *driver, const char *name, const char *pci)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", driver, name);
	int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, pci, strlen(pci)) < 0)
		fail(path);
	close(file);
}

/* Rebinds the VF, so that new GUIDs take effect. This also returns its devices to the host namespace. */
static void rebind(const char *driver, const char *pci)
{
	write_address(driver, "unbind", pci);
	write_address(driver, "bind", pci);
}

/* Returns the netdev of a VF, which IPoIB has made when bind returns. */
static int netdev_of(const char *pci)
{
	char path[256];
	int index = 0;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net", pci);
	DIR *directory = opendir(path);
	if (!directory)
		fail(path);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			index = if_nametoindex(entry->d_name);
	closedir(directory);
	if (!index)
		fail(path);
	return index;
}

static void move(int index, int netns, const char *name)
{
	struct batch batch = {};
	struct nlmsghdr *message = set_link(&batch, index);
	struct ifinfomsg *link = NLMSG_DATA(message);

	link->ifi_flags = link->ifi_change = IFF_UP;
	put(message, IFLA_NET_NS_FD, &netns, sizeof(netns));
	put(message, IFLA_IFNAME, name, strlen(name) + 1);
	done(&batch, message);
	exchange(&batch);
}

int main(int argc, char **argv)
{
	if (argc < 7 || argc > 9) {
		fprintf(stderr, "usage: floor PF_NETDEV VF_INDEX VF_PCI DRIVER NETNS_PATH IFNAME [GUID [ORIGINAL_GUID]]\n");
		return 1;
	}
	const char *pci = argv[3], *driver = argv[4];
	uint32_t vf = atoi(argv[2]);
	int pf = if_nametoindex(argv[1]);
	int netns = open(argv[5], O_RDONLY | O_CLOEXEC);

	rtnetlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (!pf || netns < 0 || rtnetlink < 0)
		fail("PF, namespace or socket");

	/* ADD */
	if (argc > 7) {
		set_guids(pf, vf, strtoull(argv[7], NULL, 16));
		rebind(driver, pci);
	}
	move(netdev_of(pci), netns, argv[6]);

	/* DEL */
	if (argc > 8) {
		set_guids(pf, vf, strtoull(argv[8], NULL, 16));
		rebind(driver, pci);
	}
	return 0;
}
