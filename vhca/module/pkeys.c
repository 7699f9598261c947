// SPDX-License-Identifier: GPL-2.0
/*
 * The pkey tables of VFs, which a subnet manager would fill:
 *	echo "0000:01:10.0 0x8005 0x7fff" > /sys/module/vhca/parameters/pkeys
 * The remaining entries are empty (0). A rebind does not change the table.
 */
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "device.h"
#include "hca.h"

static int vhca_set_pkeys(struct pci_dev *pdev, const u16 *pkeys)
{
	struct pci_dev *phys = pci_physfn(pdev);
	struct vhca_dev *pf;
	int i, vf = pci_iov_vf_id(pdev);

	if (vf < 0 || vf >= VHCA_MAX_VFS || phys->driver != &vhca_driver)
		return -EINVAL;
	pf = pci_get_drvdata(phys);
	mutex_lock(&vhca_vfs_lock);
	for (i = 0; i < VHCA_PKEYS; i++)
		WRITE_ONCE(pf->vfs[vf].pkeys[i], pkeys[i]);
	vhca_notify_pkeys(&pf->vfs[vf]);
	mutex_unlock(&vhca_vfs_lock);
	dev_info(&pdev->dev, "pkeys %04x %04x %04x %04x\n", pkeys[0], pkeys[1],
		 pkeys[2], pkeys[3]);
	return 0;
}

static int vhca_write_pkeys(const char *text, const struct kernel_param *p)
{
	u16 pkeys[VHCA_PKEYS] = {};
	char line[80], *rest = line, *word;
	struct device *dev;
	int err, i = 0;

	if (strscpy(line, text, sizeof(line)) < 0)
		return -EINVAL;
	word = strsep(&rest, " ");
	dev = bus_find_device_by_name(&pci_bus_type, NULL, strim(word));
	if (!dev)
		return -ENODEV;
	err = -EINVAL;
	if (!rest)
		goto out;
	while (rest && i < VHCA_PKEYS) {
		word = strsep(&rest, " ");
		if (kstrtou16(strim(word), 0, &pkeys[i++]))
			goto out;
	}
	if (!rest)
		err = vhca_set_pkeys(to_pci_dev(dev), pkeys);
out:
	put_device(dev);
	return err;
}

static const struct kernel_param_ops vhca_pkeys_ops = {
	.set = vhca_write_pkeys,
};
module_param_cb(pkeys, &vhca_pkeys_ops, NULL, 0200);
MODULE_PARM_DESC(pkeys, "sets the pkey table of a VF: its PCI address, and up to 4 keys, the first at index 0");
