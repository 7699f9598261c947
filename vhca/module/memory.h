/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of user space that work requests read and write. A process can write to
 * its rings at any time, so the addresses of a work request are copied first,
 * then checked and used.
 */
#ifndef VHCA_MEMORY_H
#define VHCA_MEMORY_H

#include <rdma/rdma_user_rxe.h>

#include "device.h"

#define VHCA_MAX_INLINE	320		/* as many bytes as VHCA_MAX_SGE entries */

struct vhca_mr {
	struct ib_mr ibmr;
	struct ib_umem *umem;		/* NULL in the kernel */
	struct ib_pd *pd;
	u64 iova, length;
	u32 skip;			/* of the first page */
	int access;
	void **pages;
};

/* The regions that a key can name, and the access that they must permit. */
struct vhca_space {
	struct vhca_dev *dev;
	struct ib_pd *pd;
	int access;
};

/* The memory of one work request: a copy, which user space cannot change. */
struct vhca_memory {
	u32 length;
	u32 nsge;
	bool inlined;
	union {
		struct rxe_sge sge[VHCA_MAX_SGE];
		u8 data[VHCA_MAX_INLINE];
	};
};

/* mr.c; all but load need vhca_fabric_lock held */

extern const struct ib_device_ops vhca_mr_ops;

enum ib_wc_status vhca_load(struct vhca_memory *m, const struct rxe_dma_info *dma,
			    bool inlined);
bool vhca_memory_ok(const struct vhca_space *s, const struct vhca_memory *m);
void *vhca_memory_at(const struct vhca_space *s, struct vhca_memory *m, u32 off,
		     u32 *len);
bool vhca_memory_write(const struct vhca_space *s, struct vhca_memory *m,
		       u32 off, const void *src, u32 len);
bool vhca_memory_read(const struct vhca_space *s, struct vhca_memory *m, void *dst);

#endif
