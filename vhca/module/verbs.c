// SPDX-License-Identifier: GPL-2.0
/* The small objects of the verbs interface, mostly without content. */
#include <linux/slab.h>

#include "vhca.h"

static int vhca_alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int vhca_dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int vhca_alloc_ucontext(struct ib_ucontext *u, struct ib_udata *udata)
{
	return 0;
}

static void vhca_dealloc_ucontext(struct ib_ucontext *u)
{
}

static void vhca_disassociate_ucontext(struct ib_ucontext *u)
{
}

static int vhca_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
			  struct ib_udata *udata)
{
	to_vah(ibah)->attr = *init->ah_attr;
	return 0;
}

static int vhca_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	*attr = to_vah(ibah)->attr;
	return 0;
}

static int vhca_destroy_ah(struct ib_ah *ibah, u32 flags)
{
	return 0;
}

static struct ib_mr *vhca_get_dma_mr(struct ib_pd *pd, int access)
{
	struct ib_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);

	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->lkey = mr->rkey = 0x100;
	return mr;
}

static struct ib_mr *vhca_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				      u64 virt, int access,
				      struct ib_udata *udata)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static int vhca_dereg_mr(struct ib_mr *mr, struct ib_udata *udata)
{
	kfree(mr);
	return 0;
}

const struct ib_device_ops vhca_verbs_ops = {
	.alloc_pd = vhca_alloc_pd,
	.alloc_ucontext = vhca_alloc_ucontext,
	.create_ah = vhca_create_ah,
	.dealloc_pd = vhca_dealloc_pd,
	.dealloc_ucontext = vhca_dealloc_ucontext,
	.dereg_mr = vhca_dereg_mr,
	.destroy_ah = vhca_destroy_ah,
	.disassociate_ucontext = vhca_disassociate_ucontext,
	.get_dma_mr = vhca_get_dma_mr,
	.query_ah = vhca_query_ah,
	.reg_user_mr = vhca_reg_user_mr,

	INIT_RDMA_OBJ_SIZE(ib_ah, vhca_ah, ibah),
	INIT_RDMA_OBJ_SIZE(ib_pd, vhca_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, vhca_uctx, ibuctx),
};
