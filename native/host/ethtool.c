/* Settings of a netdev's driver, and its offloads. */
#include "host.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

/* More than the longest structure of the commands that are used (struct ethtool_rxnfc of linux/ethtool.h). */
enum { ROOM = 256 };

static JSValue host_ethtool(HOST_ARGUMENTS)
{
  int fd;
  size_t length;
  const uint8_t *bytes;
  _Alignas(8) uint8_t structure[ROOM] = {0};
  if (!host_fd(context, argv[0], &fd) || !host_bytes(context, argv[2], &bytes, &length))
    return JS_EXCEPTION;
  if (length > sizeof structure)
    return JS_ThrowTypeError(context, "a structure of ethtool must have at most %d bytes", ROOM);
  memcpy(structure, bytes, length);
  char *name = host_name(context, argv[1], "ioctl SIOCETHTOOL");
  if (name == NULL)
    return JS_EXCEPTION;
  struct ifreq request = {.ifr_data = (void *)structure};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  const int failed = ioctl(fd, SIOCETHTOOL, &request);
  /* Most structures are much shorter, and a loop over this many words in TypeScript takes ADD 4 % more time. */
  size_t filled = sizeof structure;
  while (filled > 0 && structure[filled - 1] == 0)
    filled--;
  JSValue result = failed < 0 ? host_throw_unless(context, argv[3], errno, "ioctl SIOCETHTOOL", name)
                              : host_new_bytes(context, structure, (filled + 3) / 4 * 4);
  js_free(context, name);
  return result;
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(ethtool, 4),
};
HOST_PART(ethtool);
