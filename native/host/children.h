/* A child process and its output so far. */
#ifndef IB_SRIOV_CHILDREN_H
#define IB_SRIOV_CHILDREN_H

#include <quickjs/quickjs.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* An output stream of a child: the parent's end of the pipe (-1 after its end), and the output so far. */
struct stream {
  int fd;
  char *text;
  size_t used, size;
};

struct child {
  /* The number of the child in JavaScript. Unlike a pid, it is never reused. */
  int handle;
  pid_t pid;
  struct stream output[2];
  struct child *next;
};

/* The parameters of a new child. */
struct start {
  char *path;
  char **environment;
  char *input;
  size_t input_length;
  int *inherit;
  size_t inherit_count;
};

/* Reads the parameters from a JavaScript object (start.c). They must be freed also if this fails. */
bool child_read_start(JSContext *context, JSValueConst object, struct start *start);
void child_free_start(JSContext *context, struct start *start);

/* Starts the child (spawn.c), and sets its pid and streams. Returns 0, or an errno and the call that failed. */
int child_start(const struct start *start, struct child *child, const char **call);

#endif
