/* Starts a child process, and decides which descriptors and signals it inherits. */
#include "children.h"
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* For kernels before 5.11: marks only the descriptors that are open, instead of all possible numbers. */
static int mark_listed_descriptors(void)
{
  DIR *directory = opendir("/proc/self/fd");
  if (directory == NULL)
    return errno;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (fd > 2)
      fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  closedir(directory);
  return 0;
}

/* Marks descriptors that the caller left open as close-on-exec. The descriptors of this process are marked already. */
static int mark_inherited_descriptors(void)
{
  static bool marked;
  if (marked)
    return 0;
  int error = syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ? errno : 0;
  if (error == ENOSYS || error == EINVAL)
    error = mark_listed_descriptors();
  marked = error == 0;
  return error;
}

/* Makes the child's stdin: a file in memory instead of a pipe, which has any length and outlives this process. */
static int input_file(const struct start *start, int *fd, const char **call)
{
  *call = "memfd_create";
  *fd = memfd_create("stdin", MFD_CLOEXEC);
  if (*fd < 0)
    return errno;
  *call = "pwrite";
  /* pwrite(2) does not move the file's position, so that the child reads from the beginning. */
  for (size_t done = 0; done < start->input_length;) {
    ssize_t written = pwrite(*fd, start->input + done, start->input_length - done, (off_t)done);
    if (written < 0)
      return errno;
    done += (size_t)written;
  }
  return 0;
}

static int describe(const struct start *start, int input, const int *output, posix_spawn_file_actions_t *actions,
                    posix_spawnattr_t *attributes)
{
  sigset_t none, own;
  sigemptyset(&none);
  host_own_signals(&own);
  int error = posix_spawn_file_actions_adddup2(actions, input, 0);
  for (int i = 0; i < 2 && error == 0; i++)
    error = posix_spawn_file_actions_adddup2(actions, output[i], i + 1);
  /* dup2 to the same number keeps the descriptor open across the exec (glibc 2.29, POSIX.1-2024). */
  for (size_t i = 0; i < start->inherit_count && error == 0; i++)
    error = posix_spawn_file_actions_adddup2(actions, start->inherit[i], start->inherit[i]);
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

static int spawn(const struct start *start, int input, const int *output, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0)
    return error;
  error = posix_spawnattr_init(&attributes);
  if (error == 0) {
    char *const arguments[] = {start->path, NULL};
    error = describe(start, input, output, &actions, &attributes);
    if (error == 0)
      error = posix_spawn(pid, start->path, &actions, &attributes, arguments, start->environment);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

static void close_all(int *fds, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (fds[i] >= 0)
      close(fds[i]);
  }
}

int child_start(const struct start *start, struct child *child, const char **call)
{
  *call = "sigaction";
  int error = host_watch_children();
  if (error != 0)
    return error;
  *call = "close_range";
  error = mark_inherited_descriptors();
  if (error != 0)
    return error;

  int out[2] = {-1, -1}, err[2] = {-1, -1}, input = -1;
  error = input_file(start, &input, call);
  if (error == 0) {
    *call = "pipe2";
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
      error = errno;
  }
  if (error == 0) {
    *call = "posix_spawn";
    const int output[2] = {out[1], err[1]};
    error = spawn(start, input, output, &child->pid);
  }
  close_all((int[]){input, out[1], err[1]}, 3);
  if (error != 0) {
    close_all((int[]){out[0], err[0]}, 2);
    return error;
  }
  child->output[0].fd = out[0];
  child->output[1].fd = err[0];
  return 0;
}
