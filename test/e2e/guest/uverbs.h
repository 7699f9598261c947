/* Verbs without a library: the kernel's commands, and the rings of rxe's ABI. The programs of the tests are static, and
 * a library would refuse what the fuzzer does. */
#ifndef UVERBS_H
#define UVERBS_H

#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_rxe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Values of the InfiniBand specification that the kernel's headers for user space do not name. */
enum { RC = 2, UC = 3, UD = 4 };
enum { RESET, INIT, RTR, RTS, SQD, SQE, ERR };
enum { SUCCESS, LOC_LEN, LOC_QP_OP, LOC_PROT = 4, FLUSH, REM_INV_REQ = 9, REM_ACCESS, REM_OP, RETRY_EXC, RNR_EXC };
enum { WRITE, WRITE_IMM, SEND, SEND_IMM, READ, CMP_SWP, FETCH_ADD };
enum { SIGNALED = 2, SOLICITED = 4, INLINE = 8 };
enum { RECV = 128, RECV_RDMA_WITH_IMM = 129 };
enum { CQ_ERR = 0, QP_ACCESS_ERR = 3, SRQ_LIMIT_REACHED = 15, LAST_WQE_REACHED };
enum { LOCAL_WRITE = 1, REMOTE_WRITE = 2, REMOTE_READ = 4, REMOTE_ATOMIC = 8, ALL_ACCESS = 15 };

struct context { int fd, events; unsigned pd, lid; };
struct ring { struct rxe_queue_buf *buf; size_t size; };
struct cq { unsigned handle; struct ring ring; };
/* `rq` is the shared receive queue of a queue pair that uses one. */
struct qp { struct context *context; unsigned handle, number; int type; struct ring sq, rq; struct cq cq; };
struct srq { unsigned handle; struct ring ring; };
struct mr { unsigned handle, key; unsigned char *data; };

/* Executes a command, and returns 0 or an errno. `in` begins with the address of the response, if there is one. */
static inline int command(int fd, unsigned number, const void *in, size_t in_size, void *out, size_t out_size)
{
  struct { struct ib_uverbs_cmd_hdr header; unsigned char body[512]; } request = {
    .header = { .command = number, .in_words = (sizeof request.header + in_size) / 4, .out_words = out_size / 4 },
  };
  memcpy(request.body, in, in_size);
  if (out != NULL) memcpy(request.body, &out, sizeof out);
  size_t size = sizeof request.header + in_size;
  return write(fd, &request, size) == (ssize_t)size ? 0 : errno;
}

static inline void must(const char *what, int error)
{
  if (error == 0) return;
  printf("%s: %s\n", what, strerror(error));
  exit(1);
}

/* Opens a device, and allocates a protection domain. */
static inline struct context open_device(const char *path)
{
  struct context c = { .fd = open(path, O_RDWR | O_CLOEXEC) };
  must(path, c.fd < 0 ? errno : 0);
  struct ib_uverbs_get_context get = { 0 };
  struct ib_uverbs_get_context_resp got;
  must("get context", command(c.fd, IB_USER_VERBS_CMD_GET_CONTEXT, &get, sizeof get, &got, sizeof got));
  c.events = (int)got.async_fd;
  struct ib_uverbs_query_port query = { .port_num = 1 };
  struct ib_uverbs_query_port_resp port;
  must("query port", command(c.fd, IB_USER_VERBS_CMD_QUERY_PORT, &query, sizeof query, &port, sizeof port));
  c.lid = port.lid;
  struct ib_uverbs_alloc_pd alloc = { 0 };
  struct ib_uverbs_alloc_pd_resp pd;
  must("allocate PD", command(c.fd, IB_USER_VERBS_CMD_ALLOC_PD, &alloc, sizeof alloc, &pd, sizeof pd));
  c.pd = pd.pd_handle;
  return c;
}

static inline struct ring map(struct context *c, const struct mminfo *info)
{
  struct ring r = { .size = info->size };
  r.buf = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)info->offset);
  must("map a ring", r.buf == MAP_FAILED ? errno : 0);
  return r;
}

static inline int register_memory(struct context *c, void *start, size_t length, int access, struct mr *mr)
{
  struct ib_uverbs_reg_mr reg = {
    .start = (uintptr_t)start, .length = length, .hca_va = (uintptr_t)start, .pd_handle = c->pd, .access_flags = (__u32)access,
  };
  struct ib_uverbs_reg_mr_resp resp = { 0 };
  int error = command(c->fd, IB_USER_VERBS_CMD_REG_MR, &reg, sizeof reg, &resp, sizeof resp);
  *mr = (struct mr){ .handle = resp.mr_handle, .key = resp.lkey, .data = start };
  return error;
}

/* Allocates and registers memory. */
static inline struct mr new_memory(struct context *c, size_t length, int access)
{
  struct mr mr;
  void *start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must("allocate memory", start == MAP_FAILED ? errno : 0);
  must("register memory", register_memory(c, start, length, access, &mr));
  return mr;
}

static inline void deregister(struct context *c, struct mr *mr)
{
  struct ib_uverbs_dereg_mr dereg = { .mr_handle = mr->handle };
  must("deregister memory", command(c->fd, IB_USER_VERBS_CMD_DEREG_MR, &dereg, sizeof dereg, NULL, 0));
}

static inline struct cq new_cq(struct context *c, unsigned entries)
{
  struct ib_uverbs_create_cq create = { .cqe = entries, .comp_channel = -1 };
  struct { struct ib_uverbs_create_cq_resp core; struct mminfo info; } resp;
  must("create CQ", command(c->fd, IB_USER_VERBS_CMD_CREATE_CQ, &create, sizeof create, &resp, sizeof resp));
  return (struct cq){ .handle = resp.core.cq_handle, .ring = map(c, &resp.info) };
}

static inline struct srq new_srq(struct context *c, unsigned limit)
{
  struct ib_uverbs_create_srq create = { .pd_handle = c->pd, .max_wr = 15, .max_sge = 4, .srq_limit = limit };
  struct { struct ib_uverbs_create_srq_resp core; struct rxe_create_srq_resp srq; } resp;
  must("create SRQ", command(c->fd, IB_USER_VERBS_CMD_CREATE_SRQ, &create, sizeof create, &resp, sizeof resp));
  return (struct srq){ .handle = resp.core.srq_handle, .ring = map(c, &resp.srq.mi) };
}

/* Creates a queue pair for a CQ, and for a shared receive queue if it is not NULL. */
static inline struct qp new_qp_of(struct context *c, int type, struct cq cq, const struct srq *srq)
{
  struct qp q = { .context = c, .type = type, .cq = cq };
  struct ib_uverbs_create_qp create = {
    .pd_handle = c->pd, .send_cq_handle = q.cq.handle, .recv_cq_handle = q.cq.handle, .max_send_wr = 15, .max_recv_wr = 15,
    .max_send_sge = 4, .max_recv_sge = 4, .max_inline_data = 64, .qp_type = (__u8)type,
    .is_srq = srq != NULL, .srq_handle = srq == NULL ? 0 : srq->handle,
  };
  struct { struct ib_uverbs_create_qp_resp core; struct rxe_create_qp_resp rings; } resp;
  must("create QP", command(c->fd, IB_USER_VERBS_CMD_CREATE_QP, &create, sizeof create, &resp, sizeof resp));
  q.handle = resp.core.qp_handle;
  q.number = resp.core.qpn;
  q.rq = srq == NULL ? map(c, &resp.rings.rq_mi) : srq->ring;
  q.sq = map(c, &resp.rings.sq_mi);
  return q;
}

/* Creates a queue pair with a CQ. */
static inline struct qp new_qp(struct context *c, int type) { return new_qp_of(c, type, new_cq(c, 255), NULL); }

static inline int modify(struct qp *q, struct ib_uverbs_modify_qp *m, int state, unsigned mask)
{
  m->qp_handle = q->handle;
  m->qp_state = (__u8)state;
  m->attr_mask = mask | 1;
  return command(q->context->fd, IB_USER_VERBS_CMD_MODIFY_QP, m, sizeof *m, NULL, 0);
}

/* Values of a connection that the tests vary. */
struct connection { unsigned lid, number, access, pkey_index, timeout, retries, rnr_retries; };

/* Brings a queue pair from RESET to RTS. For UD, `number` is the Q_Key. */
static inline void connect_qp(struct qp *q, const struct connection *to)
{
  struct ib_uverbs_modify_qp m = {
    .port_num = 1, .pkey_index = (__u16)to->pkey_index, .qp_access_flags = to->access, .qkey = to->number, .path_mtu = 4,
    .dest_qp_num = to->number, .dest = { .dlid = (__u16)to->lid, .port_num = 1 }, .max_rd_atomic = 4, .max_dest_rd_atomic = 4,
    .min_rnr_timer = 1, .timeout = (__u8)to->timeout, .retry_cnt = (__u8)to->retries, .rnr_retry = (__u8)to->rnr_retries,
  };
  /* The bits of enum ib_qp_attr_mask. */
  unsigned init[] = { [RC] = 0x38, [UC] = 0x38, [UD] = 0x70 };
  unsigned rtr[] = { [RC] = 0x129180, [UC] = 0x101180, [UD] = 0 };
  unsigned rts[] = { [RC] = 0x12e00, [UC] = 0x10000, [UD] = 0x10000 };
  must("INIT", modify(q, &m, INIT, init[q->type]));
  must("RTR", modify(q, &m, RTR, rtr[q->type]));
  must("RTS", modify(q, &m, RTS, rts[q->type]));
}

/* Waits for an asynchronous event, and returns its type. */
static inline unsigned next_event(struct context *c)
{
  struct ib_uverbs_async_event_desc event;
  must("read an event", read(c->events, &event, sizeof event) == sizeof event ? 0 : errno);
  return event.event_type;
}

/* Returns the element that the producer of a ring fills next. */
static inline void *produced(struct ring *r)
{
  return r->buf->data + ((size_t)r->buf->producer_index << r->buf->log2_elem_size);
}

static inline void advance(struct ring *r)
{
  __atomic_store_n(&r->buf->producer_index, (r->buf->producer_index + 1) & r->buf->index_mask, __ATOMIC_RELEASE);
}

static inline int ring_doorbell(struct qp *q)
{
  struct ib_uverbs_post_send post = { .qp_handle = q->handle, .wqe_size = sizeof(struct ib_uverbs_send_wr) };
  struct ib_uverbs_post_send_resp resp;
  return command(q->context->fd, IB_USER_VERBS_CMD_POST_SEND, &post, sizeof post, &resp, sizeof resp);
}

/* Posts a work request with one piece of memory, which is its data if it is sent inline. */
static inline void post_send(struct qp *q, struct rxe_send_wr wr, const void *data, unsigned length, unsigned key)
{
  struct rxe_send_wqe *e = produced(&q->sq);
  e->wr = wr;
  e->dma.length = length;
  e->dma.num_sge = 1;
  if (wr.send_flags & INLINE) memcpy(e->dma.inline_data, data, length);
  else e->dma.sge[0] = (struct rxe_sge){ .addr = (uintptr_t)data, .length = length, .lkey = key };
  advance(&q->sq);
  must("post", ring_doorbell(q));
}

static inline void post_recv(struct qp *q, unsigned long long id, void *data, unsigned length, unsigned key)
{
  struct rxe_recv_wqe *e = produced(&q->rq);
  e->wr_id = id;
  e->dma.length = length;
  e->dma.num_sge = 1;
  e->dma.sge[0] = (struct rxe_sge){ .addr = (uintptr_t)data, .length = length, .lkey = key };
  advance(&q->rq);
}

static inline int take_completion(struct cq *cq, struct ib_uverbs_wc *wc)
{
  struct rxe_queue_buf *b = cq->ring.buf;
  if (__atomic_load_n(&b->producer_index, __ATOMIC_ACQUIRE) == b->consumer_index) return 0;
  memcpy(wc, b->data + ((size_t)b->consumer_index << b->log2_elem_size), sizeof *wc);
  __atomic_store_n(&b->consumer_index, (b->consumer_index + 1) & b->index_mask, __ATOMIC_RELEASE);
  return 1;
}

/* Waits up to 10 s for a completion. Without one, its status is 999. */
static inline struct ib_uverbs_wc completion(struct cq *cq)
{
  struct ib_uverbs_wc wc = { .status = 999 };
  for (int i = 0; i < 10000 && !take_completion(cq, &wc); i++)
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
  return wc;
}

#endif
