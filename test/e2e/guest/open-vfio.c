/* open-vfio GROUP PCI-ADDRESS: opens a VF as a virtual machine does, prints "open", and holds the VF open until it is
 * killed. In the meantime, unbinding vfio-pci waits for this process to end. */
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  int container = open("/dev/vfio/vfio", O_RDWR);
  int group = argc == 3 ? open(argv[1], O_RDWR) : -1;
  if (container < 0 || group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0 ||
      ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) < 0 || ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[2]) < 0) {
    perror("open-vfio");
    return 1;
  }
  puts("open");
  fflush(stdout);
  for (;;)
    pause();
}
