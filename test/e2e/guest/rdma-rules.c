/* rdma-rules DEVICE DEVICE: checks the rules of the InfiniBand specification on queue pairs of two devices (files of
 * uverbs): data, access rights, bounds, and the statuses of completions. Prints a line for each case; the exit status is
 * 1 if one is wrong. */
#include "uverbs.h"

/* `other` is a second context of the device of `a`. */
static struct context a, b, other;
static int failed;

static void expect(const char *what, long long is, long long wanted)
{
  printf("%s %s", is == wanted ? "ok" : "WRONG", what);
  if (is != wanted) printf(": %lld instead of %lld", is, wanted);
  puts("");
  failed |= is != wanted;
}

/* Two connected queue pairs, each with memory that permits everything. */
struct pair { struct qp a, b; struct mr from, to; };
enum { SIZE = 200000 };

static struct pair connected(int type, unsigned access)
{
  struct pair p = { new_qp(&a, type), new_qp(&b, type), new_memory(&a, SIZE, ALL_ACCESS), new_memory(&b, SIZE, ALL_ACCESS) };
  connect_qp(&p.a, &(struct connection){ b.lid, p.b.number, access, 0, 8, 2, 2 });
  connect_qp(&p.b, &(struct connection){ a.lid, p.a.number, access, 0, 8, 2, 2 });
  for (unsigned i = 0; i < SIZE; i++) p.from.data[i] = (unsigned char)(i * 7 + i / 251);
  return p;
}

static struct rxe_send_wr rdma(unsigned opcode, const void *address, unsigned key)
{
  return (struct rxe_send_wr){
    .wr_id = 77, .opcode = opcode, .send_flags = SIGNALED, .wr.rdma = { .remote_addr = (uintptr_t)address, .rkey = key },
  };
}

static struct rxe_send_wr atomic(unsigned opcode, const void *address, unsigned key, unsigned long long add,
  unsigned long long swap)
{
  return (struct rxe_send_wr){
    .opcode = opcode, .send_flags = SIGNALED,
    .wr.atomic = { .remote_addr = (uintptr_t)address, .rkey = key, .compare_add = add, .swap = swap },
  };
}

static const struct rxe_send_wr send_wr = { .wr_id = 78, .opcode = SEND, .send_flags = SIGNALED };

/* Posts a work request whose memory is `from`, and expects its status. */
static void check(const char *what, struct pair *p, struct rxe_send_wr wr, unsigned length, unsigned status)
{
  post_send(&p->a, wr, p->from.data, length, p->from.key);
  expect(what, completion(&p->a.cq).status, status);
}

static void data(void)
{
  struct pair p = connected(RC, ALL_ACCESS);
  struct ib_uverbs_wc wc;
  check("write", &p, rdma(WRITE, p.to.data, p.to.key), SIZE, SUCCESS);
  expect("written data", memcmp(p.from.data, p.to.data, SIZE), 0);
  memset(p.from.data, 0, SIZE);
  check("read", &p, rdma(READ, p.to.data + 5001, p.to.key), SIZE - 5001, SUCCESS);
  expect("read data", memcmp(p.from.data, p.to.data + 5001, SIZE - 5001), 0);

  post_recv(&p.b, 5, p.to.data + 3, 1000, p.to.key);
  struct rxe_send_wr with_imm = send_wr;
  with_imm.opcode = SEND_IMM;
  with_imm.ex.imm_data = 0x01020304;
  check("send with immediate data", &p, with_imm, 900, SUCCESS);
  wc = completion(&p.b.cq);
  expect("received bytes", wc.byte_len, 900);
  expect("received immediate data", wc.ex.imm_data, 0x01020304);
  expect("receive opcode and ID", wc.opcode == RECV && wc.wr_id == 5 && wc.qp_num == p.b.number, 1);
  expect("sent data", memcmp(p.from.data, p.to.data + 3, 900), 0);

  post_recv(&p.b, 6, p.to.data, 0, p.to.key);
  struct rxe_send_wr write_imm = rdma(WRITE_IMM, p.to.data + 17, p.to.key);
  write_imm.ex.imm_data = 9;
  check("write with immediate data", &p, write_imm, 70000, SUCCESS);
  wc = completion(&p.b.cq);
  expect("its receive", wc.opcode == RECV_RDMA_WITH_IMM && wc.ex.imm_data == 9 && wc.byte_len == 70000, 1);

  struct rxe_send_wr inlined = rdma(WRITE, p.to.data + 1, p.to.key);
  inlined.send_flags |= INLINE;
  post_send(&p.a, inlined, "a string in the ring", 20, 0);
  expect("inline write", completion(&p.a.cq).status, SUCCESS);
  expect("inline data", memcmp(p.to.data + 1, "a string in the ring", 20), 0);

  unsigned long long *word = (void *)(p.to.data + 4096), *result = (void *)p.from.data;
  *word = 40;
  check("fetch and add", &p, atomic(FETCH_ADD, word, p.to.key, 2, 0), 8, SUCCESS);
  expect("its values", *word * 1000 + *result, 42040);
  check("compare and swap", &p, atomic(CMP_SWP, word, p.to.key, 42, 7), 8, SUCCESS);
  expect("its values", *word * 1000 + *result, 7042);
  check("compare with another value", &p, atomic(CMP_SWP, word, p.to.key, 42, 8), 8, SUCCESS);
  expect("its values", *word * 1000 + *result, 7007);
}

/* Each case breaks the connection, so each has its own. */
static void refused(const char *what, unsigned access, struct rxe_send_wr wr, long offset, unsigned length, unsigned status)
{
  struct pair p = connected(RC, access);
  if (wr.opcode != SEND) {
    wr.wr.rdma.remote_addr += (uintptr_t)p.to.data + (unsigned long)offset;
    if (wr.opcode < CMP_SWP) wr.wr.rdma.rkey += p.to.key;
    else wr.wr.atomic.rkey += p.to.key;
  }
  memset(p.to.data, 0x55, SIZE);
  check(what, &p, wr, length, status);
  post_send(&p.a, send_wr, p.from.data, 1, p.from.key);
  expect("  then the queue is flushed", completion(&p.a.cq).status, FLUSH);
  for (unsigned i = 0; i < SIZE; i++)
    if (p.to.data[i] != 0x55) {
      expect("  nothing is written", i, -1);
      break;
    }
}

static void rights(void)
{
  refused("write beyond the region's end", ALL_ACCESS, rdma(WRITE, 0, 0), SIZE - 10, 11, REM_ACCESS);
  refused("write before the region", ALL_ACCESS, rdma(WRITE, 0, 0), -1, 10, REM_ACCESS);
  refused("write with an unknown key", ALL_ACCESS, rdma(WRITE, 0, 0x77700), 0, 10, REM_ACCESS);
  refused("write with a key that differs in its low bits", ALL_ACCESS, rdma(WRITE, 0, 1), 0, 10, REM_ACCESS);
  refused("read beyond the region's end", ALL_ACCESS, rdma(READ, 0, 0), SIZE, 1, REM_ACCESS);
  refused("write that the queue pair forbids", REMOTE_READ, rdma(WRITE, 0, 0), 0, 10, REM_ACCESS);
  refused("read that the queue pair forbids", REMOTE_WRITE, rdma(READ, 0, 0), 0, 10, REM_ACCESS);
  refused("atomic operation that the queue pair forbids", REMOTE_WRITE, atomic(FETCH_ADD, 0, 0, 1, 0), 0, 8, REM_ACCESS);
  refused("atomic operation on an odd address", ALL_ACCESS, atomic(FETCH_ADD, 0, 0, 1, 0), 4, 8, REM_INV_REQ);
  refused("atomic operation with 9 bytes", ALL_ACCESS, atomic(FETCH_ADD, 0, 0, 1, 0), 0, 9, LOC_LEN);
  refused("send without a receive", ALL_ACCESS, send_wr, 0, 10, RNR_EXC);
  refused("unknown operation", ALL_ACCESS, rdma(33, 0, 0), 0, 10, LOC_QP_OP);

  struct pair p = connected(RC, ALL_ACCESS);
  struct mr read_only = new_memory(&b, 4096, LOCAL_WRITE | REMOTE_READ);
  check("write to a region that permits reading only", &p, rdma(WRITE, read_only.data, read_only.key), 10, REM_ACCESS);
  p = connected(RC, ALL_ACCESS);
  struct mr constant = new_memory(&a, 4096, 0);
  post_send(&p.a, rdma(READ, p.to.data, p.to.key), constant.data, 10, constant.key);
  expect("read into a region without local write", completion(&p.a.cq).status, LOC_PROT);
  p = connected(RC, ALL_ACCESS);
  struct mr foreign = new_memory(&other, 4096, ALL_ACCESS);
  post_send(&p.a, rdma(WRITE, p.to.data, p.to.key), foreign.data, 10, foreign.key);
  expect("key of another protection domain", completion(&p.a.cq).status, LOC_PROT);
  p = connected(RC, ALL_ACCESS);
  deregister(&b, &p.to);
  check("write to a region that is gone", &p, rdma(WRITE, p.to.data, p.to.key), 10, REM_ACCESS);
}

static void receives(void)
{
  struct pair p = connected(RC, ALL_ACCESS);
  post_recv(&p.b, 1, p.to.data, 10, p.to.key);
  post_recv(&p.b, 2, p.to.data, 10, p.to.key);
  check("send that is longer than the receive", &p, send_wr, 11, REM_INV_REQ);
  expect("  the receive", completion(&p.b.cq).status, LOC_LEN);
  expect("  the next receive", completion(&p.b.cq).status, FLUSH);
  p = connected(RC, ALL_ACCESS);
  post_recv(&p.b, 1, p.to.data, 10, 0x12300);
  check("receive with an unknown key", &p, send_wr, 10, REM_OP);
  expect("  the receive", completion(&p.b.cq).status, LOC_PROT);

  p = connected(RC, ALL_ACCESS);
  post_send(&p.a, send_wr, p.from.data, 10, p.from.key);
  nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
  post_recv(&p.b, 1, p.to.data, 10, p.to.key);
  expect("send whose receive comes a little later", completion(&p.a.cq).status, SUCCESS);

  p = connected(RC, ALL_ACCESS);
  struct ib_uverbs_modify_qp m = { 0 };
  must("RESET", modify(&p.b, &m, RESET, 0));
  check("send to a queue pair that was reset", &p, send_wr, 10, RETRY_EXC);
  expect("a transition that does not exist", modify(&p.b, &m, RTS, 0), EINVAL);

  p = (struct pair){ new_qp(&a, RC), new_qp(&b, RC), p.from, p.to };
  connect_qp(&p.a, &(struct connection){ b.lid, p.b.number, ALL_ACCESS, 1, 8, 2, 2 });
  connect_qp(&p.b, &(struct connection){ a.lid, p.a.number, ALL_ACCESS, 0, 8, 2, 2 });
  check("send from a partition that the device is not in", &p, send_wr, 10, RETRY_EXC);

  p = connected(UC, ALL_ACCESS);
  check("UC send without a receive", &p, send_wr, 10, SUCCESS);
  check("UC write", &p, rdma(WRITE, p.to.data, p.to.key), SIZE, SUCCESS);
  expect("its data", memcmp(p.from.data, p.to.data, SIZE), 0);
  check("UC read", &p, rdma(READ, p.to.data, p.to.key), 10, LOC_QP_OP);
}

/* The other device opened again, since the cases before leave events behind. */
static void events(const char *path)
{
  struct context c = open_device(path);
  struct cq tiny = new_cq(&c, 1);
  struct srq srq = new_srq(&c, 2);
  struct pair p = { new_qp(&a, RC), new_qp_of(&c, RC, new_cq(&c, 255), &srq), new_memory(&a, SIZE, ALL_ACCESS),
                    new_memory(&c, SIZE, ALL_ACCESS) };
  connect_qp(&p.a, &(struct connection){ c.lid, p.b.number, ALL_ACCESS, 0, 8, 2, 2 });
  connect_qp(&p.b, &(struct connection){ a.lid, p.a.number, ALL_ACCESS, 0, 8, 2, 2 });
  for (unsigned i = 0; i < 3; i++) post_recv(&p.b, i, p.to.data, 10, p.to.key);
  check("send to a shared receive queue", &p, send_wr, 10, SUCCESS);
  expect("  its receive", completion(&p.b.cq).wr_id, 0);
  check("another", &p, send_wr, 10, SUCCESS);
  expect("fewer receives than the limit", next_event(&c), SRQ_LIMIT_REACHED);
  check("write that is refused", &p, rdma(WRITE, p.to.data, 1), 10, REM_ACCESS);
  expect("the last receive of the queue pair", next_event(&c), LAST_WQE_REACHED);
  expect("the other side's error", next_event(&c), QP_ACCESS_ERR);

  struct qp q = new_qp_of(&c, RC, tiny, NULL), answering = new_qp(&a, RC);
  connect_qp(&q, &(struct connection){ a.lid, answering.number, ALL_ACCESS, 0, 8, 2, 2 });
  connect_qp(&answering, &(struct connection){ c.lid, q.number, ALL_ACCESS, 0, 8, 2, 2 });
  for (unsigned i = 0; i < 2; i++) post_send(&q, rdma(WRITE, p.from.data, p.from.key), p.to.data, 10, p.to.key);
  expect("more completions than the CQ has room for", next_event(&c), CQ_ERR);
}

static void datagrams(void)
{
  struct qp from = new_qp(&a, UD), to = new_qp(&b, UD);
  struct mr here = new_memory(&a, 8192, LOCAL_WRITE), there = new_memory(&b, 8192, LOCAL_WRITE);
  connect_qp(&from, &(struct connection){ .number = 0x1111 });
  connect_qp(&to, &(struct connection){ .number = 0x2222 });
  struct ib_uverbs_create_ah create = { .pd_handle = a.pd, .attr = { .dlid = (__u16)b.lid, .port_num = 1 } };
  struct { struct ib_uverbs_create_ah_resp core; struct rxe_create_ah_resp ah; } ah;
  must("create AH", command(a.fd, IB_USER_VERBS_CMD_CREATE_AH, &create, sizeof create, &ah, sizeof ah));
  struct rxe_send_wr wr = {
    .opcode = SEND, .send_flags = SIGNALED,
    .wr.ud = { .remote_qpn = to.number, .remote_qkey = 0x2222, .ah_num = ah.ah.ah_num },
  };
  memset(here.data, 0x33, 8192);
  post_recv(&to, 1, there.data, 8192, there.key);
  struct ib_uverbs_wc wc;
  wr.wr.ud.remote_qkey = 0x1111;
  post_send(&from, wr, here.data, 100, here.key);
  expect("datagram with another Q_Key", completion(&from.cq).status, SUCCESS);
  expect("  is not received", take_completion(&to.cq, &wc), 0);
  wr.wr.ud.remote_qkey = 0x2222;
  post_send(&from, wr, here.data, 100, here.key);
  expect("datagram", completion(&from.cq).status, SUCCESS);
  wc = completion(&to.cq);
  expect("  is received after 40 bytes", wc.byte_len == 140 && there.data[139] == 0x33 && there.data[140] == 0, 1);
  expect("  its source", wc.src_qp == from.number && wc.slid == a.lid, 1);
  wr.wr.ud.ah_num = 12345;
  post_send(&from, wr, here.data, 100, here.key);
  expect("datagram with an unknown address handle", completion(&from.cq).status, LOC_QP_OP);
}

int main(int argc, char **argv)
{
  if (argc != 3) return 2;
  a = open_device(argv[1]);
  b = open_device(argv[2]);
  other = open_device(argv[1]);
  data();
  rights();
  receives();
  datagrams();
  events(argv[2]);
  return failed;
}
