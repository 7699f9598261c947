/* Child processes: starts them, reads their output and reaps them. */
#include "children.h"
#include "host.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct child *children;

static struct child **find(int handle)
{
  struct child **link = &children;
  while (*link != NULL && (*link)->handle != handle)
    link = &(*link)->next;
  return link;
}

/* Removes a child that was reaped from the list. */
static void forget(struct child **link)
{
  struct child *child = *link;
  *link = child->next;
  for (int i = 0; i < 2; i++) {
    if (child->output[i].fd >= 0)
      close(child->output[i].fd);
    free(child->output[i].text);
  }
  free(child);
}

static void kill_and_reap(struct child *child)
{
  /* Also kills the processes that the child has started: it is the leader of a process group (spawn.c). */
  kill(-child->pid, SIGKILL);
  while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

/* ---- spawn ---- */

static JSValue host_spawn(HOST_ARGUMENTS)
{
  static int last_handle;
  struct start start = {0};
  JSValue result = JS_EXCEPTION;
  if (child_read_start(context, argv[0], &start)) {
    const char *call = "malloc";
    struct child *child = calloc(1, sizeof *child);
    int error = child == NULL ? ENOMEM : child_start(&start, child, &call);
    if (error == 0) {
      child->handle = ++last_handle;
      child->next = children;
      children = child;
      result = JS_NewInt32(context, child->handle);
    } else {
      free(child);
      result = host_throw(context, error, call, start.path);
    }
  }
  child_free_start(context, &start);
  return result;
}

/* ---- wait ---- */

/* Reads once from a stream, and closes it at its end. */
static int take_output(struct stream *stream)
{
  if (stream->size - stream->used < 4096) {
    size_t size = stream->size == 0 ? 16384 : 2 * stream->size;
    char *larger = realloc(stream->text, size);
    if (larger == NULL)
      return ENOMEM;
    stream->text = larger;
    stream->size = size;
  }
  ssize_t got = read(stream->fd, stream->text + stream->used, stream->size - stream->used);
  if (got < 0)
    return errno;
  stream->used += (size_t)got;
  if (got == 0) {
    close(stream->fd);
    stream->fd = -1;
  }
  return 0;
}

/* Reads once from each stream that is ready. poll(2) ignores a stream whose descriptor is -1. */
static int take_ready_output(struct child *child, const struct pollfd *ready)
{
  for (int i = 0; i < 2; i++) {
    int error = ready[i].revents != 0 ? take_output(&child->output[i]) : 0;
    if (error != 0)
      return error;
  }
  return 0;
}

static bool over_limit(const struct child *child, size_t limit)
{
  return child->output[0].used + child->output[1].used > limit;
}

/* Reads what a child that has ended left in the pipes. Does not wait, because a grandchild may keep the pipes open. */
static int take_rest(struct child *child, size_t limit)
{
  for (;;) {
    struct pollfd streams[2] = {{.fd = child->output[0].fd, .events = POLLIN},
                                {.fd = child->output[1].fd, .events = POLLIN}};
    if (over_limit(child, limit) || poll(streams, 2, 0) <= 0)
      return 0;
    int error = take_ready_output(child, streams);
    if (error != 0)
      return error;
  }
}

/* Reads a child's output until it has ended. *status is the status of waitpid(2). */
static int listen_until_end(struct child *child, double deadline, size_t limit, int *status)
{
  bool look = true;
  while (!over_limit(child, limit)) {
    pid_t ended = look ? waitpid(child->pid, status, WNOHANG) : 0;
    if (ended < 0 && errno != EINTR)
      return errno;
    if (ended > 0)
      return take_rest(child, limit);
    struct pollfd streams[2] = {{.fd = child->output[0].fd, .events = POLLIN},
                                {.fd = child->output[1].fd, .events = POLLIN}};
    int ready = host_poll(streams, 2, deadline, true);
    if (ready < 0)
      return errno;
    look = ready == 0;
    int error = ready > 0 ? take_ready_output(child, streams) : 0;
    if (error != 0)
      return error;
  }
  kill_and_reap(child);
  return 0;
}

static JSValue new_outcome(JSContext *context, const struct child *child, int status)
{
  JSValue outcome = JS_NewObject(context);
  if (JS_IsException(outcome))
    return outcome;
  const struct {
    const char *name;
    JSValue value;
  } fields[] = {
    {"status", JS_NewInt32(context, WIFEXITED(status) ? WEXITSTATUS(status) : -1)},
    {"signal", JS_NewInt32(context, WIFSIGNALED(status) ? WTERMSIG(status) : 0)},
    {"stdout", host_new_text(context, child->output[0].text, child->output[0].used)},
    {"stderr", host_new_text(context, child->output[1].text, child->output[1].used)},
  };
  bool failed = false;
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    if (JS_SetPropertyStr(context, outcome, fields[i].name, fields[i].value) < 0)
      failed = true;
  }
  if (failed) {
    JS_FreeValue(context, outcome);
    return JS_EXCEPTION;
  }
  return outcome;
}

static JSValue host_wait(HOST_ARGUMENTS)
{
  int handle;
  double deadline;
  int64_t limit;
  if (!host_fd(context, argv[0], &handle) || !host_deadline(context, argv[1], &deadline) ||
      !host_integer(context, argv[2], "limit", 0, HOST_TEXT_LIMIT, &limit))
    return JS_EXCEPTION;
  struct child **link = find(handle);
  if (*link == NULL)
    return host_throw(context, ECHILD, "waitpid", "");
  int status = 0;
  int error = listen_until_end(*link, deadline, (size_t)limit, &status);
  if (error != 0)
    return host_throw(context, error, error == ECHILD ? "waitpid" : "ppoll", "child");
  JSValue result = over_limit(*link, (size_t)limit) ? host_throw(context, EFBIG, "read", "output of the child")
                                                    : new_outcome(context, *link, status);
  forget(link);
  return result;
}

static JSValue host_kill(HOST_ARGUMENTS)
{
  int handle;
  if (!host_fd(context, argv[0], &handle))
    return JS_EXCEPTION;
  struct child **link = find(handle);
  if (*link != NULL) {
    kill_and_reap(*link);
    forget(link);
  }
  return JS_UNDEFINED;
}

const JSCFunctionListEntry host_children_functions[] = {
  HOST_FUNCTION(spawn, 1),
  HOST_FUNCTION(wait, 3),
  HOST_FUNCTION(kill, 1),
};
const int host_children_count = COUNT_OF(host_children_functions);
