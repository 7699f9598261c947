/* holder FILE: takes the lock (flock) of a file, prints "held", and holds the lock until it is killed. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
  if (fd < 0 || flock(fd, LOCK_EX) < 0) {
    perror("holder");
    return 1;
  }
  puts("held");
  fflush(stdout);
  for (;;)
    pause();
}
