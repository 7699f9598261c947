/* BPF programs that are attached to a netdev. */
#include "host.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_PROG_QUERY of linux/bpf.h; the installed header may be older than the kernel. */
#define PROG_QUERY 16
/* BPF_MPROG_MAX of kernel/bpf/mprog.c: the maximum number of programs for an attach type. */
#define MOST_PROGRAMS 64
#define MAX_ATTACH_TYPE 4096

/* The member `query` of union bpf_attr. The kernel writes all of it. */
struct query {
  uint32_t target;
  uint32_t attach_type;
  uint32_t query_flags;
  uint32_t attach_flags;
  uint64_t programs;
  uint32_t count;
  uint32_t padding;
  uint64_t program_flags;
  uint64_t links;
  uint64_t link_flags;
  uint64_t revision;
};

static JSValue host_bpfPrograms(HOST_ARGUMENTS)
{
  int64_t index, attach_type;
  if (!host_integer(context, argv[0], "index", 1, INT32_MAX, &index) ||
      !host_integer(context, argv[1], "attachType", 0, MAX_ATTACH_TYPE, &attach_type))
    return JS_EXCEPTION;
  uint32_t programs[MOST_PROGRAMS] = {0};
  struct query query = {
    .target = (uint32_t)index,
    .attach_type = (uint32_t)attach_type,
    .programs = (uint64_t)(uintptr_t)programs,
    .count = MOST_PROGRAMS,
  };
  if (syscall(SYS_bpf, PROG_QUERY, &query, sizeof query) < 0)
    return host_throw_unless(context, argv[2], errno, "bpf BPF_PROG_QUERY", "");
  JSValue result = JS_NewArray(context);
  for (uint32_t i = 0; i < query.count && i < MOST_PROGRAMS && !JS_IsException(result); i++) {
    if (JS_DefinePropertyValueUint32(context, result, i, JS_NewUint32(context, programs[i]), JS_PROP_C_W_E) < 0) {
      JS_FreeValue(context, result);
      result = JS_EXCEPTION;
    }
  }
  return result;
}

const JSCFunctionListEntry host_bpf_functions[] = {
  HOST_FUNCTION(bpfPrograms, 3),
};
const int host_bpf_count = COUNT_OF(host_bpf_functions);
