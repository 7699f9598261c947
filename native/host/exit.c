/* The exit status of the process. */
#include "host.h"

static int exit_status;

void host_set_exit_status(int status)
{
  exit_status = status;
}

int host_exit_status(void)
{
  return exit_status;
}
