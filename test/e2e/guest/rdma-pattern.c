/* rdma-pattern target|source DEVICE FILE [endless]: writes patterns to the memory of another process by RDMA WRITE and
 * reads them back by RDMA READ. The target prints "ok" if its memory has the last pattern in the end. The two exchange
 * their addresses in FILE.target and FILE.source. With `endless` they go on until a completion has an error, whose
 * status they print. */
#include <stdbool.h>

#include "uverbs.h"

enum { LENGTH = 1 << 20, ROUNDS = 20 };

struct address { unsigned lid, number, key; unsigned long long data; };

/* Writes the own address to a file, and waits for the other's. */
static struct address exchange(const char *file, bool target, struct address own)
{
  char path[256], unfinished[272];
  struct address other;
  snprintf(path, sizeof path, "%s.%s", file, target ? "target" : "source");
  snprintf(unfinished, sizeof unfinished, "%s.new", path);
  FILE *f = fopen(unfinished, "w");
  must(unfinished, f == NULL ? errno : 0);
  fwrite(&own, sizeof own, 1, f);
  fclose(f);
  must(path, rename(unfinished, path) ? errno : 0);
  snprintf(path, sizeof path, "%s.%s", file, target ? "source" : "target");
  while ((f = fopen(path, "r")) == NULL) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
  must(path, fread(&other, sizeof other, 1, f) != 1 ? EIO : 0);
  fclose(f);
  return other;
}

static void fill(unsigned char *data, unsigned seed)
{
  for (unsigned i = 0; i < LENGTH; i++) data[i] = (unsigned char)(i * 31 + i / 509 + seed * 7);
}

/* Transfers all memory in pieces of different lengths. Ends the process if one fails. */
static void transfer(struct qp *q, unsigned opcode, struct mr *mr, const struct address *to)
{
  for (unsigned at = 0, length = 1; at < LENGTH; at += length, length = length * 3 + 5) {
    if (length > LENGTH - at) length = LENGTH - at;
    struct rxe_send_wr wr = { .opcode = opcode, .send_flags = SIGNALED, .wr.rdma = { .remote_addr = to->data + at, .rkey = to->key } };
    post_send(q, wr, mr->data + at, length, mr->key);
    unsigned status = completion(&q->cq).status;
    if (status == SUCCESS) continue;
    printf("status %u\n", status);
    exit(1);
  }
}

static int be_source(struct qp *q, struct mr *mr, const struct address *to, bool endless)
{
  unsigned char *expected = malloc(LENGTH);
  for (unsigned round = 1; endless || round <= ROUNDS; round++) {
    fill(expected, round);
    memcpy(mr->data, expected, LENGTH);
    transfer(q, WRITE, mr, to);
    memset(mr->data, 0, LENGTH);
    transfer(q, READ, mr, to);
    if (memcmp(mr->data, expected, LENGTH) != 0) return puts("another pattern was read"), 1;
    if (round == 1) puts("running"), fflush(stdout);
  }
  post_send(q, (struct rxe_send_wr){ .opcode = SEND, .send_flags = SIGNALED }, mr->data, 1, mr->key);
  return (int)completion(&q->cq).status;
}

static int be_target(struct qp *q, struct mr *mr)
{
  unsigned char *expected = malloc(LENGTH);
  struct ib_uverbs_wc wc;
  while (!take_completion(&q->cq, &wc)) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
  if (wc.status != SUCCESS) return printf("status %u\n", wc.status), 1;
  fill(expected, ROUNDS);
  if (memcmp(mr->data, expected, LENGTH) != 0) return puts("the memory has another pattern"), 1;
  return puts("ok"), 0;
}

int main(int argc, char **argv)
{
  if (argc < 4) return 2;
  bool target = strcmp(argv[1], "target") == 0;
  struct context c = open_device(argv[2]);
  struct mr mr = new_memory(&c, LENGTH, ALL_ACCESS), message = new_memory(&c, 4096, LOCAL_WRITE);
  struct qp q = new_qp(&c, RC);
  struct address other = exchange(argv[3], target, (struct address){ c.lid, q.number, mr.key, (uintptr_t)mr.data });
  connect_qp(&q, &(struct connection){ other.lid, other.number, ALL_ACCESS, 0, 12, 5, 7 });
  if (!target) return be_source(&q, &mr, &other, argc > 4);
  post_recv(&q, 1, message.data, 1, message.key);
  return be_target(&q, &mr);
}
