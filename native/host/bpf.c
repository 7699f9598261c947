/* BPF programs that are attached to a netdev. */
#include "host.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_MPROG_MAX of kernel/bpf/mprog.c: the maximum number of programs for an attach type. */
enum { MOST_PROGRAMS = 64, MAX_ATTACH_TYPE = 4096 };

static JSValue host_bpfPrograms(HOST_ARGUMENTS)
{
  int64_t index, attach_type;
  if (!host_integer(context, argv[0], "index", 1, INT32_MAX, &index) ||
      !host_integer(context, argv[1], "attachType", 0, MAX_ATTACH_TYPE, &attach_type))
    return JS_EXCEPTION;
  uint32_t programs[MOST_PROGRAMS] = {0};
  union bpf_attr attributes = {0};
  attributes.query.target_ifindex = (uint32_t)index;
  attributes.query.attach_type = (uint32_t)attach_type;
  attributes.query.prog_ids = (uint64_t)(uintptr_t)programs;
  attributes.query.prog_cnt = MOST_PROGRAMS;
  if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) < 0)
    return host_throw_unless(context, argv[2], errno, "bpf BPF_PROG_QUERY", "");
  const size_t count = attributes.query.prog_cnt < MOST_PROGRAMS ? attributes.query.prog_cnt : MOST_PROGRAMS;
  return host_new_bytes(context, programs, count * sizeof *programs);
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(bpfPrograms, 3),
};
HOST_PART(bpf);
