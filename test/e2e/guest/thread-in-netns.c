/* thread-in-netns NAMESPACE: a process of which one thread is in another network namespace than the main one. Prints
 * "there", and stays until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

static void *enter(void *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
    perror(path);
    _exit(1);
  }
  close(fd);
  puts("there");
  fflush(stdout);
  for (;;)
    pause();
}

int main(int argc, char **argv)
{
  pthread_t thread;
  if (argc != 2 || pthread_create(&thread, NULL, enter, argv[1]) != 0)
    return 1;
  pthread_join(thread, NULL);
}
