/* Little-endian bytes with an end, and why something failed. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes, those of lic-run. */
enum { BAD_USAGE = 2, BAD_STREAM = 3, BAD_MODEL = 4, NO_KERNELS = 5, BAD_FILE = 6 };

struct failure {
  int code;
  char message[300]; /* one line: what failed, what was expected */
};

/* Notes a failure and returns false, for `return fail(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool fail(struct failure* failure, int code, const char* format, ...);
bool out_of_memory(struct failure* failure);

uint16_t load_u16(const uint8_t* bytes);
uint32_t load_u32(const uint8_t* bytes);
uint64_t load_u64(const uint8_t* bytes);

/* CRC-32 of zlib and PNG. */
uint32_t crc32_of(const uint8_t* bytes, size_t size);

/* The CRC-32 of numbers as 32 bits each, little-endian. */
uint32_t crc32_of_numbers(const int32_t* numbers, size_t count);

/* What is left of some bytes. */
struct reader {
  const uint8_t* next;
  size_t left;
};

/* The next `size` bytes, or NULL where fewer are left. */
const uint8_t* take(struct reader* reader, uint64_t size);

/* The next `count` numbers of 32 or 64 bits as an array to be freed; NULL where fewer are left, or no memory is. */
uint32_t* take_u32(struct reader* reader, uint64_t count);
int32_t* take_i32(struct reader* reader, uint64_t count);
int64_t* take_i64(struct reader* reader, uint64_t count);

/* calloc of at least one element, so that NULL always means that there is no memory. */
void* allocate(uint64_t count, size_t size);

#endif
