/*
  * bpf KIND NETDEV: attaches a program that drops every packet to a netdev of this namespace, as a container can.
  *   xdp    until it is detached
  *   tcx    the same, at the qdisc's hook
  *   link   by a bpf_link, which a background process holds: no other process can detach the program
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
  return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int load(int tcx)
{
  struct bpf_insn program[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = tcx ? TCX_DROP : XDP_DROP},
    {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attr = {
    .prog_type = tcx ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP,
    .expected_attach_type = tcx ? 0 : BPF_XDP,
    .insn_cnt = 2,
    .insns = (unsigned long)program,
    .license = (unsigned long)"GPL",
  };
  return bpf(BPF_PROG_LOAD, &attr);
}

/* RTM_SETLINK with IFLA_XDP. */
static int attach(int program, int netdev)
{
  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
    struct nlattr xdp, program_header;
    int program;
    struct nlattr flags_header;
    unsigned flags;
  } request = {
    .header = {sizeof request, RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
    .link = {.ifi_index = netdev},
    .xdp = {20, IFLA_XDP | NLA_F_NESTED},
    .program_header = {8, IFLA_XDP_FD},
    .program = program,
    .flags_header = {8, IFLA_XDP_FLAGS},
    .flags = XDP_FLAGS_SKB_MODE,
  };
  struct {
    struct nlmsghdr header;
    int error;
    char rest[4096];
  } answer;
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
    return -1;
  return answer.error;
}

static int attach_tcx(int program, int netdev)
{
  for (int place = BPF_TCX_INGRESS; place <= BPF_TCX_EGRESS; place++) {
    union bpf_attr attr = {
      .target_ifindex = (unsigned)netdev, .attach_bpf_fd = (unsigned)program, .attach_type = (unsigned)place,
    };
    if (bpf(BPF_PROG_ATTACH, &attr) < 0)
      return -1;
  }
  return 0;
}

static int hold(int program, int netdev)
{
  union bpf_attr attr = {.link_create = {
    .prog_fd = (unsigned)program,
    .target_ifindex = (unsigned)netdev,
    .attach_type = BPF_XDP,
    .flags = XDP_FLAGS_SKB_MODE,
  }};
  if (bpf(BPF_LINK_CREATE, &attr) < 0)
    return -1;
  if (fork() != 0)
    return 0;
  /* In the container's namespace, this process would keep the namespace from being deleted. */
  if (setns(open("/proc/1/ns/net", O_RDONLY), CLONE_NEWNET) != 0)
    return -1;
  setsid();
  close(0);
  close(1);
  close(2);
  pause();
  return 0;
}

int main(int argc, char **argv)
{
  int is_tcx = argc == 3 && strcmp(argv[1], "tcx") == 0;
  int program = load(is_tcx);
  int netdev = argc == 3 ? (int)if_nametoindex(argv[2]) : 0;
  if (netdev == 0 || program < 0) {
    perror("bpf");
    return 1;
  }
  int error = is_tcx                       ? attach_tcx(program, netdev)
            : strcmp(argv[1], "link") == 0 ? hold(program, netdev)
                                           : attach(program, netdev);
  if (error != 0)
    fprintf(stderr, "bpf: the program was not attached (%d)\n", error);
  return error != 0;
}
