/*
 * memcpy and memcmp, sixteen and eight bytes at a time: musl's take four and one, and a tenth of what an ADD did in user
 * space was copying. The sanitizers have theirs.
 */
#include <stdint.h>
#include <string.h>

#ifndef IB_SRIOV_FREE_ALL

/* Or the compiler would take the loop for what it is, and call memcpy. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef uint64_t sixteen __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));

/* Beginnings and ends may overlap: all is read before the last of it is written. */
void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
  unsigned char *out = to;
  const unsigned char *in = from;
  if (length >= 16) {
    const sixteen last = *(const sixteen *)(in + length - 16);
    for (; length > 16; length -= 16, in += 16, out += 16)
      *(sixteen *)out = *(const sixteen *)in;
    *(sixteen *)(out + length - 16) = last;
  } else if (length >= 8) {
    const eight last = *(const eight *)(in + length - 8);
    *(eight *)out = *(const eight *)in;
    *(eight *)(out + length - 8) = last;
  } else if (length >= 4) {
    const four last = *(const four *)(in + length - 4);
    *(four *)out = *(const four *)in;
    *(four *)(out + length - 4) = last;
  } else {
    for (; length > 0; length--)
      *out++ = *in++;
  }
  return to;
}

int memcmp(const void *left, const void *right, size_t length)
{
  const unsigned char *one = left, *other = right;
  for (; length >= 8 && *(const eight *)one == *(const eight *)other; length -= 8, one += 8, other += 8)
    ;
  for (; length > 0 && *one == *other; length--, one++, other++)
    ;
  return length == 0 ? 0 : *one - *other;
}

#endif
