#include "memory.h"

#ifdef IB_SRIOV_FREE_ALL

/* The sanitizers must see each block. */
JSRuntime *memory_new_runtime(void)
{
  return JS_NewRuntime();
}

#else

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
  /* The size of a block with its header is a multiple of this, in bytes. */
  MEMORY_UNIT = 8,
  /* The minimum size: a freed block contains a pointer after its header. */
  MEMORY_LEAST_UNITS = 2,
  /* Up to this size, each size has a separate list of freed blocks. */
  MEMORY_SMALL_UNITS = 128,
  /* The index of the list of larger freed blocks. No block has 0 units. */
  MEMORY_LARGE = 0,
  /*
   * A block is a header with its capacity, then the caller's memory, which is aligned to 8 bytes: no type of the engine
   * needs a larger alignment.
   */
  HEADER = 8,
  /*
   * An ADD needs some 60 KiB. Pages of the arena that are never touched take only address space, but RLIMIT_AS must
   * allow all of it, or the kernel does not start the process.
   */
#ifdef IB_SRIOV_WITHOUT_ALLOCATOR
  ARENA = MEMORY_UNIT,
#else
  ARENA = 256 * 1024,
#endif
};

static _Alignas(MEMORY_UNIT) unsigned char arena[ARENA];

/*
 * The memory that can be allocated. It does not contain the blocks of the image that were freed before the image was
 * taken: almost each of them is on a different page, which the kernel would have to copy.
 */
static struct memory {
  /* New blocks are taken from here. */
  unsigned char *next, *end;
  /* Lists of freed blocks by size in units, and MEMORY_LARGE. A freed block contains the pointer to the next block. */
  void *freed[MEMORY_SMALL_UNITS + 1];
} memory = {.next = arena + MEMORY_UNIT - HEADER, .end = arena + ARENA};

/* While the image is made, all blocks must be in it, and none from malloc. */
static bool image_only;

/*
 * Returns the header before a block: the block's capacity in bytes, which is a multiple of MEMORY_UNIT. The lowest bit
 * is set if the block came from malloc, and not from the arena or from the image.
 */
static uint64_t *header(void *block)
{
  return (uint64_t *)((unsigned char *)block - HEADER);
}
enum { FROM_MALLOC = 1 };

static size_t capacity(void *block)
{
  return *header(block) & ~(uint64_t)FROM_MALLOC;
}

static bool is_cut(void *block)
{
  return (*header(block) & FROM_MALLOC) == 0;
}

static size_t usable_size(const void *block)
{
  return block == NULL ? 0 : capacity((void *)block);
}

/* Reports whether a block is the last in the arena, so that it can grow. */
static bool is_last(void *block)
{
  return (unsigned char *)block + capacity(block) == memory.next;
}

/* Returns the list of freed blocks for a size in units: the list of this size, or the list of large blocks. */
static void **list_of(size_t units)
{
  return &memory.freed[units <= MEMORY_SMALL_UNITS ? units : MEMORY_LARGE];
}

static void push(void **list, unsigned char *block)
{
  memcpy(block, list, sizeof *list);
  *list = block;
}

static unsigned char *pop(void **list)
{
  unsigned char *block = *list;
  memcpy(list, block, sizeof *list);
  return block;
}

/*
 * Takes a block from the first large freed block that is long enough, and frees the rest. Tables of the engine leave
 * large blocks when they grow, and many small blocks fit in them.
 */
static unsigned char *take_of_large(size_t bytes)
{
  void **list = list_of(MEMORY_LARGE);
  while (*list != NULL && capacity(*list) + HEADER < bytes)
    list = *list;
  if (*list == NULL)
    return NULL;
  unsigned char *block = pop(list);
  const size_t rest = capacity(block) + HEADER - bytes;
  if (rest >= MEMORY_LEAST_UNITS * MEMORY_UNIT) {
    *header(block) = bytes - HEADER;
    *header(block + bytes) = rest - HEADER;
    push(list_of(rest / MEMORY_UNIT), block + bytes);
  }
  return block;
}

/* Bytes from malloc(3). The limit is compared with them only, because the arena is small compared to the limit. */
static size_t from_malloc;

/* Returns a new block if the list of its size is empty. */
static void *cut(const JSMallocState *state, size_t bytes)
{
  unsigned char *block;
  if (memory.freed[MEMORY_LARGE] != NULL && (block = take_of_large(bytes)) != NULL)
    return block;
  if (bytes <= (size_t)(memory.end - memory.next)) {
    block = memory.next + HEADER;
    memory.next += bytes;
    *header(block) = bytes - HEADER;
    return block;
  }
  if (image_only || bytes > state->malloc_limit || from_malloc > state->malloc_limit - bytes)
    return NULL;
  unsigned char *whole = malloc(bytes + MEMORY_UNIT);
  if (whole == NULL)
    return NULL;
  from_malloc += bytes;
  block = whole + MEMORY_UNIT;
  *header(block) = (bytes - HEADER) | FROM_MALLOC;
  return block;
}

/* QuickJS's own allocator counts malloc_count and malloc_size. This one does not, because nothing reads them. */
static void *engine_malloc(JSMallocState *state, size_t size)
{
  if (size > SIZE_MAX / 2)
    return NULL;
  size_t units = (size + HEADER + MEMORY_UNIT - 1) / MEMORY_UNIT;
  if (units < MEMORY_LEAST_UNITS)
    units = MEMORY_LEAST_UNITS;
  if (units <= MEMORY_SMALL_UNITS && memory.freed[units] != NULL)
    return pop(&memory.freed[units]);
  return cut(state, units * MEMORY_UNIT);
}

static void engine_free(JSMallocState *state, void *block)
{
  if (block == NULL)
    return;
  const size_t bytes = capacity(block) + HEADER;
  if (!is_cut(block)) {
    from_malloc -= bytes;
    free((unsigned char *)block - MEMORY_UNIT);
  } else if (bytes > MEMORY_SMALL_UNITS * MEMORY_UNIT && is_last(block)) {
    memory.next -= bytes;
  } else {
    push(list_of(bytes / MEMORY_UNIT), block);
  }
}

static void *engine_realloc(JSMallocState *state, void *block, size_t size)
{
  if (block == NULL)
    return size == 0 ? NULL : engine_malloc(state, size);
  if (size == 0) {
    engine_free(state, block);
    return NULL;
  }
  const size_t old = capacity(block);
  if (size <= old)
    return block;
  const size_t more = (size - old + MEMORY_UNIT - 1) / MEMORY_UNIT * MEMORY_UNIT;
  if (is_cut(block) && is_last(block) && more <= (size_t)(memory.end - memory.next)) {
    memory.next += more;
    *header(block) = old + more;
    return block;
  }
  void *bigger = engine_malloc(state, size);
  if (bigger == NULL)
    return NULL;
  memcpy(bigger, block, old);
  engine_free(state, block);
  return bigger;
}

JSRuntime *memory_new_runtime(void)
{
  static const JSMallocFunctions functions = {engine_malloc, engine_free, engine_realloc, usable_size};
  return JS_NewRuntime2(&functions, NULL);
}

void memory_begin(unsigned char *heap, unsigned char *end)
{
  image_only = true;
  /* The block after the header must be aligned. */
  memory = (struct memory){.next = heap + MEMORY_UNIT - HEADER, .end = end};
}

const unsigned char *memory_end(void)
{
  return memory.next;
}

#endif
