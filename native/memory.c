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
  /* Sizes of blocks, with their headers, are multiples of it, in bytes. */
  MEMORY_UNIT = 8,
  /* Once it is freed a block must hold a pointer. */
  MEMORY_LEAST_UNITS = 2,
  /* Up to that there is a list of freed blocks for each size. */
  MEMORY_SMALL_UNITS = 128,
  /* The list of freed blocks that are larger. No block is so small. */
  MEMORY_LARGE = 0,
  /*
   * A block is a header with its capacity, then what the caller gets, which is aligned to 8 bytes: the engine has nothing
   * that wants more.
   */
  HEADER = 8,
  /*
   * An ADD needs some 60 KiB; pages of the arena that are never touched cost nothing but address space, of which the kernel
   * must be able to give all before it starts us (RLIMIT_AS).
   */
  ARENA = 256 * 1024,
};

static _Alignas(MEMORY_UNIT) unsigned char arena[ARENA];

/*
 * What there is to give. What was freed in the image before it was taken is not: each such block lies on a page of its
 * own, which the kernel would have to copy.
 */
static struct memory {
  /* Blocks are cut from here. */
  unsigned char *next, *end;
  /* By size in units, and MEMORY_LARGE; a freed block holds the pointer to the next one. */
  void *freed[MEMORY_SMALL_UNITS + 1];
} memory = {.next = arena + MEMORY_UNIT - HEADER, .end = arena + ARENA};

/* While the image is made, nothing of it may lie elsewhere. */
static bool image_only;

/*
 * What lies before a block: its capacity in bytes, which is a multiple of MEMORY_UNIT, and in the lowest bit whether it
 * came from malloc and not from an arena, ours or the image's.
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

/* Is it the last one that was cut, so that it can grow? */
static bool is_last(void *block)
{
  return (unsigned char *)block + capacity(block) == memory.next;
}

/* The list that a block of so many units is on once it is freed: that of its own size, or that of the large ones. */
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

/* The first large freed block that has room, cut to size: tables that have grown leave what many small blocks can use. */
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

/* What malloc(3) has given, bytes. The arena is small beside what the engine may have. */
static size_t from_malloc;

/* Where there is no freed block of the size. */
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

/* Of what QuickJS would have counted, malloc_count and malloc_size, nothing is used. */
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
  /* A block comes after its header, and is aligned. */
  memory = (struct memory){.next = heap + MEMORY_UNIT - HEADER, .end = end};
}

const unsigned char *memory_end(void)
{
  return memory.next;
}

#endif
