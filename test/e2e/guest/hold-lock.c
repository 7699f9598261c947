/* hold-lock FILE SECONDS: takes the lock (flock) of a file, prints "held", and holds the lock for this time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  int fd = argc == 3 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
  if (fd < 0 || flock(fd, LOCK_EX) < 0) {
    perror("hold-lock");
    return 1;
  }
  puts("held");
  fflush(stdout);
  sleep((unsigned)atoi(argv[2]));
  return 0;
}
