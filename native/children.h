/* A child process and what it has printed so far. */
#ifndef IB_SRIOV_CHILDREN_H
#define IB_SRIOV_CHILDREN_H

#include <quickjs/quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One of its output streams: our end of the pipe (-1 once it has ended), and what came out. */
struct stream {
  int fd;
  char *text;
  size_t used, size;
};

struct child {
  /* What JavaScript knows it by: never used again, as a pid is. */
  int handle;
  pid_t pid;
  struct stream output[2];
  struct child *next;
};

/* What a child is started with. */
struct start {
  char *path;
  char **environment;
  char *input;
  size_t input_length;
  int *inherit;
  size_t inherit_count;
};

/* Takes it out of a JavaScript object (start.c). To be freed also where that fails. */
bool child_read_start(JSContext *context, JSValueConst object, struct start *start);
void child_free_start(JSContext *context, struct start *start);

/*
 * Starts it (spawn.c); 0, or an errno and the call that failed. Fills in the child's pid and streams.
 */
int child_start(const struct start *start, struct child *child, const char **call);

#endif
