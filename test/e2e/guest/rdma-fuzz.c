/* rdma-fuzz DEVICE DEVICE CASES SEED: gives the kernel what no library would: work requests, ring indices and commands
 * with random values, near the valid ones and far from them. Prints how many commands failed and how many completions
 * of each status came. The guest ends at any kernel warning. */
#include "uverbs.h"

enum { QPS = 6, REGIONS = 3, LENGTH = 300000, ROUND = 400 };

static struct context contexts[2];
static struct qp qps[QPS];
static struct mr regions[2][REGIONS];
static unsigned address_handles[2];
static unsigned long refused, accepted, statuses[32];
static unsigned long long state;

static unsigned long long any(void)
{
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static unsigned below(unsigned n) { return (unsigned)(any() >> 20) % n; }

/* Returns a valid value three times out of four, otherwise one near it, a limit, or any. */
static unsigned long long value(unsigned long long valid)
{
  static const unsigned long long limits[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, ~0ULL };
  switch (below(16)) {
    case 0: return valid + below(5) - 2;
    case 1: return limits[below(7)];
    case 2: return any();
    case 3: return valid ^ 1ULL << below(64);
    default: return valid;
  }
}

static void count(int error) { error ? refused++ : accepted++; }

static void random_pieces(struct rxe_sge *sge, unsigned n, const struct mr *of)
{
  for (unsigned i = 0; i < n; i++) {
    const struct mr *mr = &of[below(REGIONS)];
    unsigned offset = below(LENGTH);
    sge[i] = (struct rxe_sge){
      .addr = value((uintptr_t)mr->data + offset), .length = (unsigned)value(below(LENGTH - offset)), .lkey = (unsigned)value(mr->key),
    };
  }
}

static void fuzz_send(struct qp *q)
{
  struct rxe_send_wqe *e = produced(&q->sq);
  struct mr *remote = &regions[q->context == &contexts[0]][below(REGIONS)];
  unsigned n = below(5);
  e->wr = (struct rxe_send_wr){
    .wr_id = any(), .opcode = (unsigned)value(q->type == UD ? 2 + below(2) : below(7)), .send_flags = (unsigned)value(below(16)),
  };
  if (q->type == UD) {
    e->wr.wr.ud.remote_qpn = (unsigned)value(qps[below(QPS)].number);
    e->wr.wr.ud.remote_qkey = (unsigned)value(1);
    e->wr.wr.ud.ah_num = (unsigned)value(address_handles[q->context == &contexts[1]]);
  } else if (e->wr.opcode < CMP_SWP) {
    e->wr.wr.rdma.remote_addr = value((uintptr_t)remote->data);
    e->wr.wr.rdma.rkey = (unsigned)value(remote->key);
  } else {
    e->wr.wr.atomic.remote_addr = value((uintptr_t)remote->data);
    e->wr.wr.atomic.rkey = (unsigned)value(remote->key);
  }
  random_pieces(e->dma.sge, 4, regions[q->context == &contexts[1]]);
  if (e->wr.opcode >= CMP_SWP && below(2)) e->dma.sge[0].length = 8, n = 1;
  e->dma.num_sge = (unsigned)value(n);
  e->dma.length = (unsigned)value(below(64));
  advance(&q->sq);
  count(ring_doorbell(q));
}

static void fuzz_recv(struct qp *q)
{
  struct rxe_recv_wqe *e = produced(&q->rq);
  e->wr_id = any();
  random_pieces(e->dma.sge, 4, regions[q->context == &contexts[1]]);
  e->dma.num_sge = (unsigned)value(below(5));
  e->dma.length = (unsigned)any();
  advance(&q->rq);
}

/* Damages the header of a ring. The own index must stay in the ring, because this program uses it. */
static void fuzz_ring(struct qp *q)
{
  struct rxe_queue_buf *rings[] = { q->sq.buf, q->rq.buf, q->cq.ring.buf };
  struct rxe_queue_buf *b = rings[below(3)];
  struct rxe_queue_buf before = *b;
  *(below(2) ? &b->producer_index : &b->consumer_index) = (unsigned)value(below(300));
  b->log2_elem_size = (unsigned)value(6);
  b->index_mask = (unsigned)value(15);
  count(ring_doorbell(q));
  b->log2_elem_size = before.log2_elem_size;
  b->index_mask = before.index_mask;
  b->producer_index &= before.index_mask;
  b->consumer_index &= before.index_mask;
}

static void fuzz_modify(struct qp *q)
{
  struct ib_uverbs_modify_qp m;
  for (unsigned i = 0; i < sizeof m; i++) ((unsigned char *)&m)[i] = (unsigned char)value(1);
  m.dest.dlid = (unsigned short)value(contexts[below(2)].lid);
  m.dest_qp_num = (unsigned)value(qps[below(QPS)].number);
  count(modify(q, &m, (int)below(8), below(2) ? (unsigned)any() & 0x1fffff : 0x38));
}

/* Sends a valid queue pair through its states again, because most values end it in the error state. */
static void reconnect(unsigned i)
{
  struct ib_uverbs_modify_qp m = { 0 };
  struct qp *q = &qps[i], *peer = &qps[i ^ 1];
  if (modify(q, &m, RESET, 0)) return;
  connect_qp(q, &(struct connection){ peer->context->lid, q->type == UD ? 1 : peer->number, ALL_ACCESS, 0, 1, 1, 1 });
}

/* Any command with any words. */
static void fuzz_command(struct context *c)
{
  static const unsigned numbers[] = {
    IB_USER_VERBS_CMD_QUERY_DEVICE, IB_USER_VERBS_CMD_ALLOC_PD, IB_USER_VERBS_CMD_CREATE_AH, IB_USER_VERBS_CMD_REG_MR,
    IB_USER_VERBS_CMD_REREG_MR, IB_USER_VERBS_CMD_DEREG_MR, IB_USER_VERBS_CMD_CREATE_CQ, IB_USER_VERBS_CMD_RESIZE_CQ,
    IB_USER_VERBS_CMD_POLL_CQ, IB_USER_VERBS_CMD_REQ_NOTIFY_CQ, IB_USER_VERBS_CMD_CREATE_QP, IB_USER_VERBS_CMD_QUERY_QP,
    IB_USER_VERBS_CMD_POST_SEND, IB_USER_VERBS_CMD_POST_RECV, IB_USER_VERBS_CMD_ATTACH_MCAST,
    IB_USER_VERBS_CMD_DETACH_MCAST, IB_USER_VERBS_CMD_CREATE_SRQ, IB_USER_VERBS_CMD_MODIFY_SRQ, IB_USER_VERBS_CMD_QUERY_SRQ,
    IB_USER_VERBS_CMD_DESTROY_SRQ, IB_USER_VERBS_CMD_POST_SRQ_RECV, IB_USER_VERBS_CMD_ALLOC_MW, IB_USER_VERBS_CMD_CREATE_XSRQ,
    IB_USER_VERBS_CMD_DESTROY_AH, IB_USER_VERBS_CMD_DESTROY_CQ, IB_USER_VERBS_CMD_OPEN_QP,
  };
  unsigned words[64], response[64];
  for (unsigned i = 0; i < 64; i++) words[i] = (unsigned)value(below(8));
  unsigned number = below(8) ? numbers[below(sizeof numbers / sizeof *numbers)] : below(64);
  count(command(c->fd, number, words, 4 * value(below(40)) % sizeof words, below(8) ? response : NULL, 4 * below(64)));
}

/* Creates objects with nearly valid values; they end with the context. */
static void fuzz_create(struct context *c)
{
  struct { struct ib_uverbs_create_qp_resp core; struct rxe_create_qp_resp rings; } resp;
  struct ib_uverbs_create_qp qp = {
    .pd_handle = (unsigned)value(c->pd), .send_cq_handle = (unsigned)value(qps[c == &contexts[1]].cq.handle),
    .recv_cq_handle = (unsigned)value(qps[c == &contexts[1]].cq.handle), .srq_handle = (unsigned)value(0),
    .max_send_wr = (unsigned)value(16), .max_recv_wr = (unsigned)value(16), .max_send_sge = (unsigned)value(3),
    .max_recv_sge = (unsigned)value(3), .max_inline_data = (unsigned)value(64), .qp_type = (unsigned char)value(RC + below(3)),
    .is_srq = !below(4),
  };
  struct ib_uverbs_create_cq cq = { .cqe = (unsigned)value(16), .comp_channel = -1 };
  struct ib_uverbs_create_srq srq = {
    .pd_handle = (unsigned)value(c->pd), .max_wr = (unsigned)value(16), .max_sge = (unsigned)value(3), .srq_limit = (unsigned)value(3),
  };
  struct mr mr;
  size_t out = below(8) ? sizeof resp : 4 * below(16);
  switch (below(4)) {
    case 0: count(command(c->fd, IB_USER_VERBS_CMD_CREATE_QP, &qp, sizeof qp, &resp, out)); break;
    case 1: count(command(c->fd, IB_USER_VERBS_CMD_CREATE_CQ, &cq, sizeof cq, &resp, out)); break;
    case 2: count(command(c->fd, IB_USER_VERBS_CMD_CREATE_SRQ, &srq, sizeof srq, &resp, out)); break;
    default:
      count(register_memory(c, (void *)(uintptr_t)value((uintptr_t)regions[0][0].data), value(LENGTH), (int)value(ALL_ACCESS), &mr));
  }
}

static void fuzz_map(struct context *c)
{
  size_t length = 4096 * (1 + below(20));
  void *at = mmap(NULL, length, below(2) ? PROT_READ : PROT_READ | PROT_WRITE, below(8) ? MAP_SHARED : MAP_PRIVATE, c->fd,
    (off_t)(value(below(100)) << 12 & 0x7ffffffffffff000));
  count(at == MAP_FAILED ? errno : 0);
  if (at != MAP_FAILED) munmap(at, length);
}

static void create_all(char **paths)
{
  for (unsigned c = 0; c < 2; c++) {
    contexts[c] = open_device(paths[c]);
    for (unsigned i = 0; i < REGIONS; i++) regions[c][i] = new_memory(&contexts[c], LENGTH, i ? ALL_ACCESS : LOCAL_WRITE);
  }
  for (unsigned i = 0; i < QPS; i++) qps[i] = new_qp(&contexts[i & 1], RC + (int)i / 2);
  for (unsigned c = 0; c < 2; c++) {
    struct ib_uverbs_create_ah create = { .pd_handle = contexts[c].pd, .attr = { .dlid = (__u16)contexts[!c].lid, .port_num = 1 } };
    struct { struct ib_uverbs_create_ah_resp core; struct rxe_create_ah_resp ah; } ah;
    must("create AH", command(contexts[c].fd, IB_USER_VERBS_CMD_CREATE_AH, &create, sizeof create, &ah, sizeof ah));
    address_handles[c] = ah.ah.ah_num;
  }
  for (unsigned i = 0; i < QPS; i++) reconnect(i);
}

/* Closes the devices without destroying any object, and sometimes without unmapping the rings first. */
static void drop_all(void)
{
  for (unsigned i = 0; i < QPS; i++) {
    struct ring rings[] = { qps[i].sq, qps[i].rq, qps[i].cq.ring };
    for (unsigned r = 0; r < 3; r++) munmap(rings[r].buf, rings[r].size);
  }
  for (unsigned c = 0; c < 2; c++) {
    for (unsigned i = 0; i < REGIONS; i++) munmap(regions[c][i].data, LENGTH);
    close(contexts[c].fd);
  }
}

int main(int argc, char **argv)
{
  if (argc != 5) return 2;
  unsigned long cases = strtoul(argv[3], NULL, 0);
  state = strtoull(argv[4], NULL, 0) * 2654435761 + 1;
  for (unsigned long i = 0; i < cases; i++) {
    if (i % ROUND == 0) {
      if (i) drop_all();
      create_all(argv + 1);
    }
    unsigned which = below(QPS);
    struct ib_uverbs_wc wc;
    switch (below(16)) {
      case 0: fuzz_ring(&qps[which]); break;
      case 1: fuzz_modify(&qps[which]); break;
      case 2: fuzz_command(&contexts[which & 1]); break;
      case 3: fuzz_create(&contexts[which & 1]); break;
      case 4: fuzz_map(&contexts[which & 1]); break;
      case 5: case 6: reconnect(which); break;
      case 7: case 8: case 9: fuzz_recv(&qps[which]); break;
      default: fuzz_send(&qps[which]);
    }
    while (take_completion(&qps[which].cq, &wc)) statuses[wc.status % 32]++;
  }
  printf("accepted %lu, refused %lu, completions", accepted, refused);
  for (unsigned s = 0; s < 32; s++)
    if (statuses[s]) printf(" %u:%lu", s, statuses[s]);
  puts("");
  return 0;
}
