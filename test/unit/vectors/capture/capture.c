/*
 * Sends netlink requests to the kernel and prints the answers: this is how the vectors in the parent directory
 * were captured. It is static, for a guest without libraries: gcc -static -O2 -Wall -Wextra -o capture capture.c
 *
 *   capture HEX             sends one datagram, prints it ("> hex") and every datagram that answers it ("< hex")
 *   capture -r HEX          the same over RDMA netlink
 *   capture -e GROUPS MS    joins multicast groups (1,9), prints "ready", then the events of MS milliseconds
 *
 * The socket has the same options as the plugin's: extended ACK, capped ACK, strict checking.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned char buffer[1 << 20];

static void fail(const char *what)
{
  perror(what);
  exit(1);
}

static int open_socket(int protocol)
{
  static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK};
  const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  const int on = 1;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0)
    fail("socket");
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (setsockopt(fd, SOL_NETLINK, options[i], &on, sizeof on) < 0)
      fail("setsockopt");
  if (bind(fd, (const struct sockaddr *)&any, sizeof any) < 0)
    fail("bind");
  return fd;
}

static void print(char direction, const unsigned char *bytes, size_t length)
{
  printf("%c ", direction);
  for (size_t i = 0; i < length; i++)
    printf("%02x", bytes[i]);
  putchar('\n');
  fflush(stdout);
}

static size_t parse(const char *hex)
{
  size_t length = strlen(hex) / 2;
  if (length > sizeof buffer || strlen(hex) % 2 != 0)
    exit(2);
  for (size_t i = 0; i < length; i++)
    if (sscanf(hex + 2 * i, "%2hhx", &buffer[i]) != 1)
      exit(2);
  return length;
}

/* The kernel answers a request before send returns, and continues a dump while it is read. */
static void ask(int protocol, const char *hex)
{
  int fd = open_socket(protocol);
  size_t length = parse(hex);
  print('>', buffer, length);
  if (send(fd, buffer, length, 0) != (ssize_t)length)
    fail("send");
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
      return;
    if (got < 0)
      fail("recv");
    print('<', buffer, (size_t)got);
  }
}

static long long now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void listen_to(char *groups, int milliseconds)
{
  int fd = open_socket(NETLINK_ROUTE);
  for (char *group = strtok(groups, ","); group != NULL; group = strtok(NULL, ",")) {
    int number = atoi(group);
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof number) < 0)
      fail("NETLINK_ADD_MEMBERSHIP");
  }
  puts("ready");
  fflush(stdout);
  long long end = now() + milliseconds;
  for (;;) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    long long left = end - now();
    if (left <= 0 || poll(&one, 1, (int)left) <= 0)
      return;
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0)
      fail("recv");
    print('<', buffer, (size_t)got);
  }
}

int main(int argc, char **argv)
{
  if (argc == 2)
    ask(NETLINK_ROUTE, argv[1]);
  else if (argc == 3 && strcmp(argv[1], "-r") == 0)
    ask(NETLINK_RDMA, argv[2]);
  else if (argc == 4 && strcmp(argv[1], "-e") == 0)
    listen_to(argv[2], atoi(argv[3]));
  else
    return 2;
  return 0;
}
