/*
  * receive SOCKET FILE: receives datagrams as journald does: listens at a path, prints "ready", and appends each
  * datagram to a file, followed by a line "--".
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  FILE *file = argc == 3 ? fopen(argv[2], "a") : NULL;
  if (fd < 0 || file == NULL || strlen(argv[1]) >= sizeof address.sun_path)
    return 1;
  strcpy(address.sun_path, argv[1]);
  unlink(argv[1]);
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
    perror("receive");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    static char datagram[1 << 20];
    ssize_t length = recv(fd, datagram, sizeof datagram, 0);
    if (length < 0)
      return 1;
    fwrite(datagram, 1, (size_t)length, file);
    fputs("--\n", file);
    fflush(file);
  }
}
