/* Child processes: starts them, with only the descriptors and signals that they are given, and reaps them. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parameters of a new child. */
struct start {
  char *path;
  /* argv; NULL for the path alone. */
  char **arguments;
  char **environment;
  /* The descriptors that the child gets: the first three as stdin, stdout and stderr, the others with their numbers. */
  int *descriptors;
  size_t descriptor_count;
};
enum { STANDARD = 3 };

static int describe(const struct start *start, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
  sigset_t none, own;
  sigemptyset(&none);
  host_own_signals(&own);
  int error = 0;
  /* dup2 to the same number keeps the descriptor open across the exec (glibc 2.29, POSIX.1-2024). */
  for (size_t i = 0; i < start->descriptor_count && error == 0; i++)
    error = posix_spawn_file_actions_adddup2(actions, start->descriptors[i],
                                             i < STANDARD ? (int)i : start->descriptors[i]);
  if (error == 0)
    error = posix_spawnattr_setsigdefault(attributes, &own);
  if (error == 0)
    error = posix_spawnattr_setsigmask(attributes, &none);
  /* A separate process group, so that Ctrl-C at a terminal stops only this process, which then ends the child. */
  if (error == 0)
    error = posix_spawnattr_setflags(attributes,
                                     POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  return error;
}

static int spawn(const struct start *start, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0)
    return error;
  error = posix_spawnattr_init(&attributes);
  if (error == 0) {
    char *alone[] = {start->path, NULL};
    char **arguments = start->arguments == NULL ? alone : start->arguments;
    error = describe(start, &actions, &attributes);
    if (error == 0)
      error = posix_spawn(pid, start->path, &actions, &attributes, arguments, start->environment);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* Copies texts, each with a NUL byte at its end, to a list that ends with NULL, to be freed with js_free. */
static char **read_texts(JSContext *context, JSValueConst value)
{
  const uint8_t *bytes;
  size_t length, count = 0;
  if (!host_bytes(context, value, &bytes, &length))
    return NULL;
  for (size_t i = 0; i < length; i++)
    count += bytes[i] == '\0';
  char **texts = js_mallocz(context, (count + 2) * sizeof(char *) + length + 1);
  if (texts == NULL)
    return NULL;
  char *text = memcpy(texts + count + 2, bytes, length);
  count = 0;
  for (const char *end = text + length; text < end; text += strlen(text) + 1)
    texts[count++] = text;
  return texts;
}

/* Reads the arguments of spawn, which must be freed also if this fails. */
static bool read_start(JSContext *context, JSValueConst *argv, struct start *start)
{
  const uint8_t *descriptors;
  size_t bytes;
  if ((start->path = host_name(context, argv[0], "posix_spawn")) == NULL ||
      (start->environment = read_texts(context, argv[1])) == NULL ||
      !host_bytes(context, argv[2], &descriptors, &bytes) ||
      (!JS_IsUndefined(argv[3]) && (start->arguments = read_texts(context, argv[3])) == NULL) ||
      (start->descriptors = js_mallocz(context, bytes + 1)) == NULL)
    return false;
  start->descriptor_count = bytes / sizeof *start->descriptors;
  memcpy(start->descriptors, descriptors, bytes);
  return true;
}

static JSValue host_spawn(HOST_ARGUMENTS)
{
  struct start start = {0};
  JSValue result = JS_EXCEPTION;
  if (read_start(context, argv, &start)) {
    pid_t pid;
    int error = host_watch_children();
    if (error == 0)
      error = spawn(&start, &pid);
    result = error == 0 ? JS_NewInt32(context, pid) : host_throw(context, error, "posix_spawn", start.path);
  }
  js_free(context, start.arguments);
  js_free(context, start.environment);
  js_free(context, start.descriptors);
  js_free(context, start.path);
  return result;
}

/* Sleeps until SIGCHLD, which host_watch_children has blocked. No other signal ends the wait, or is let in by it. */
static JSValue host_waitpid(HOST_ARGUMENTS)
{
  int64_t pid;
  double deadline;
  if (!host_integer(context, argv[0], "a pid", 1, INT32_MAX, &pid) || !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  for (;;) {
    int status;
    const pid_t ended = waitpid((pid_t)pid, &status, WNOHANG);
    if (ended > 0)
      return JS_NewInt32(context, status);
    if (ended < 0)
      return host_throw(context, errno, "waitpid", "");
    const double left = deadline - host_now();
    if (left <= 0)
      return JS_UNDEFINED;
    const struct timespec timeout = host_timespec(left);
    sigtimedwait(&child, NULL, &timeout);
  }
}

static JSValue host_pipe(HOST_ARGUMENTS)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return host_throw(context, errno, "pipe2", "");
  JSValue pair = JS_NewArray(context);
  for (uint32_t i = 0; i < COUNT_OF(ends) && !JS_IsException(pair); i++)
    JS_SetPropertyUint32(context, pair, i, JS_NewInt32(context, ends[i]));
  return pair;
}

static const JSCFunctionListEntry functions[] = {
  JS_CFUNC_DEF("spawn", 4, host_spawn), HOST_FUNCTION(waitpid, 2), HOST_FUNCTION(pipe, 0),
};
HOST_PART(children);
