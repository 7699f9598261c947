/* Waits for descriptors, with a deadline. Signals are let in only during the wait. */
#include "host.h"

#include <errno.h>
#include <time.h>

int host_poll(struct pollfd *descriptors, unsigned count, double deadline, bool children)
{
  /* A day, in ms. Longer waits are split. */
  const double longest = 86400e3;
  for (;;) {
    if (host_take_signal()) {
      errno = EINTR;
      return -1;
    }
    double left = deadline - host_now();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    if (left > longest)
      left = longest;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1e3)};
    timeout.tv_nsec = (long)((left - (double)timeout.tv_sec * 1e3) * 1e6);

    int ready = ppoll(descriptors, count, &timeout, host_wait_mask(children));
    if (ready > 0)
      return ready;
    if (ready < 0 && errno != EINTR)
      return -1;
    if (ready < 0 && children)
      return 0;
  }
}

int host_wait_fd(int fd, short events, double deadline)
{
  struct pollfd descriptor = {.fd = fd, .events = events};
  return host_poll(&descriptor, 1, deadline, false) < 0 ? errno : 0;
}
