// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions: pages of user space that work requests read and write. They
 * are pinned, and are in the kernel's direct map, so that copying needs no
 * mapping.
 */
#include <linux/slab.h>
#include <rdma/ib_umem.h>

#include "fabric.h"
#include "memory.h"

#define VHCA_DMA_KEY	0x100		/* of kernel users; the key of no region */
#define VHCA_ACCESS	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE | \
			 IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_ATOMIC | \
			 IB_ACCESS_OPTIONAL)

static struct ib_mr *vhca_get_dma_mr(struct ib_pd *pd, int access)
{
	struct vhca_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL);

	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->ibmr.lkey = mr->ibmr.rkey = VHCA_DMA_KEY;
	return &mr->ibmr;
}

static int list_pages(struct vhca_mr *mr)
{
	size_t i, n = 0, pages = PAGE_ALIGN(mr->skip + mr->length) >> PAGE_SHIFT;
	struct scatterlist *sg;
	int s;

	mr->pages = kvmalloc_array(pages, sizeof(*mr->pages), GFP_KERNEL);
	if (!mr->pages)
		return -ENOMEM;
	for_each_sgtable_sg(&mr->umem->sgt_append.sgt, sg, s)
		for (i = 0; i < sg->length >> PAGE_SHIFT && n < pages; i++)
			mr->pages[n++] = sg_virt(sg) + (i << PAGE_SHIFT);
	return n == pages ? 0 : -EINVAL;
}

static struct ib_mr *vhca_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				      u64 virt, int access,
				      struct ib_udata *udata)
{
	struct vhca_dev *d = to_vdev(pd->device);
	struct vhca_mr *mr;
	int err;
	u32 id;

	/* An address beyond the region's end must not be a small number. */
	if (access & ~VHCA_ACCESS || !length || virt + length < virt)
		return ERR_PTR(-EINVAL);
	mr = kzalloc(sizeof(*mr), GFP_KERNEL);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->umem = ib_umem_get(pd->device, start, length, access);
	if (IS_ERR(mr->umem)) {
		err = PTR_ERR(mr->umem);
		goto free;
	}
	mr->pd = pd;
	mr->iova = virt;
	mr->length = length;
	mr->access = access;
	mr->skip = ib_umem_offset(mr->umem);
	err = list_pages(mr);
	if (err)
		goto release;
	err = xa_alloc_cyclic(&d->mrs, &id, mr, XA_LIMIT(2, 0xfffffe),
			      &d->next_mr, GFP_KERNEL);
	if (err < 0)
		goto release;
	mr->ibmr.lkey = mr->ibmr.rkey = id << 8;
	return &mr->ibmr;
release:
	kvfree(mr->pages);
	ib_umem_release(mr->umem);
free:
	kfree(mr);
	return ERR_PTR(err);
}

static int vhca_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct vhca_mr *mr = container_of(ibmr, struct vhca_mr, ibmr);

	if (mr->umem) {
		xa_erase(&to_vdev(ibmr->device)->mrs, ibmr->lkey >> 8);
		vhca_fabric_barrier();
		kvfree(mr->pages);
		ib_umem_release(mr->umem);
	}
	kfree(mr);
	return 0;
}

/* Copies the memory of a work request out of its ring. */
enum ib_wc_status vhca_load(struct vhca_memory *m, const struct rxe_dma_info *dma,
			    bool inlined)
{
	u64 length = 0;
	u32 i;

	m->inlined = inlined;
	m->length = 0;
	if (inlined) {
		u32 size = READ_ONCE(dma->length);

		if (size > VHCA_MAX_INLINE)
			return IB_WC_LOC_LEN_ERR;
		m->length = size;
		memcpy(m->data, dma->inline_data, size);
		return IB_WC_SUCCESS;
	}
	m->nsge = READ_ONCE(dma->num_sge);
	if (m->nsge > VHCA_MAX_SGE) {
		m->nsge = 0;
		return IB_WC_LOC_QP_OP_ERR;
	}
	memcpy(m->sge, dma->sge, m->nsge * sizeof(m->sge[0]));
	for (i = 0; i < m->nsge; i++)
		length += m->sge[i].length;
	if (length > VHCA_MAX_MSG)
		return IB_WC_LOC_LEN_ERR;
	m->length = length;
	return IB_WC_SUCCESS;
}

/* Returns the region of a range that a key permits, or NULL. */
static struct vhca_mr *find(const struct vhca_space *s, u32 key, u64 addr,
			    u64 len)
{
	struct vhca_mr *mr = key & 0xff ? NULL : xa_load(&s->dev->mrs, key >> 8);

	lockdep_assert_held(&vhca_fabric_lock);
	if (!mr || mr->pd != s->pd || (mr->access & s->access) != s->access ||
	    addr < mr->iova || addr - mr->iova > mr->length ||
	    len > mr->length - (addr - mr->iova))
		return NULL;
	return mr;
}

/* Reports whether all of a work request's memory may be used. */
bool vhca_memory_ok(const struct vhca_space *s, const struct vhca_memory *m)
{
	u32 i;

	if (m->inlined)
		return true;
	for (i = 0; i < m->nsge; i++)
		if (m->sge[i].length && !find(s, m->sge[i].lkey, m->sge[i].addr,
					      m->sge[i].length))
			return false;
	return true;
}

/* Returns the address of a byte of a message, and limits *len to its page. */
void *vhca_memory_at(const struct vhca_space *s, struct vhca_memory *m, u32 off,
		     u32 *len)
{
	struct vhca_mr *mr;
	u64 pos;
	u32 i;

	if (m->inlined)
		return m->data + off;
	for (i = 0; i < m->nsge && off >= m->sge[i].length; i++)
		off -= m->sge[i].length;
	if (i == m->nsge)
		return NULL;
	*len = min(*len, m->sge[i].length - off);
	mr = find(s, m->sge[i].lkey, m->sge[i].addr + off, *len);
	if (!mr)
		return NULL;
	pos = m->sge[i].addr + off - mr->iova + mr->skip;
	*len = min_t(u32, *len, PAGE_SIZE - offset_in_page(pos));
	return mr->pages[pos >> PAGE_SHIFT] + offset_in_page(pos);
}

/* Copies a buffer to a message's memory. Returns false if that is not allowed. */
bool vhca_memory_write(const struct vhca_space *s, struct vhca_memory *m,
		       u32 off, const void *src, u32 len)
{
	u32 n;

	for (; len; off += n, src += n, len -= n) {
		void *to = vhca_memory_at(s, m, off, (n = len, &n));

		if (!to)
			return false;
		memcpy(to, src, n);
	}
	return true;
}

/* Copies a message's memory to a buffer. Returns false if that is not allowed. */
bool vhca_memory_read(const struct vhca_space *s, struct vhca_memory *m, void *dst)
{
	u32 off, n;

	for (off = 0; off < m->length; off += n) {
		void *from = vhca_memory_at(s, m, off, (n = m->length - off, &n));

		if (!from)
			return false;
		memcpy(dst + off, from, n);
	}
	return true;
}

const struct ib_device_ops vhca_mr_ops = {
	.dereg_mr = vhca_dereg_mr,
	.get_dma_mr = vhca_get_dma_mr,
	.reg_user_mr = vhca_reg_user_mr,
};
