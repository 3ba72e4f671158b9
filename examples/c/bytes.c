#include "bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool fail(struct failure* failure, int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  failure->code = code;
  vsnprintf(failure->message, sizeof failure->message, format, arguments);
  va_end(arguments);
  return false;
}

bool out_of_memory(struct failure* failure) { return fail(failure, BAD_FILE, "there is not enough memory"); }

uint16_t load_u16(const uint8_t* bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

uint32_t load_u32(const uint8_t* bytes) { return load_u16(bytes) | (uint32_t)load_u16(bytes + 2) << 16; }

uint64_t load_u64(const uint8_t* bytes) { return load_u32(bytes) | (uint64_t)load_u32(bytes + 4) << 32; }

/* The remainders of all bytes: made anew for each checksum, so that nothing is shared between threads. */
struct crc {
  uint32_t remainder[256];
  uint32_t value;
};

static void crc_start(struct crc* crc) {
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? UINT32_C(0xedb88320) : 0);
    crc->remainder[byte] = value;
  }
  crc->value = UINT32_MAX;
}

static void crc_byte(struct crc* crc, uint32_t byte) {
  crc->value = (crc->value >> 8) ^ crc->remainder[(crc->value ^ byte) & 255];
}

uint32_t crc32_of(const uint8_t* bytes, size_t size) {
  struct crc crc;
  crc_start(&crc);
  for (size_t i = 0; i < size; ++i) crc_byte(&crc, bytes[i]);
  return ~crc.value;
}

uint32_t crc32_of_numbers(const int32_t* numbers, size_t count) {
  struct crc crc;
  crc_start(&crc);
  for (size_t i = 0; i < count; ++i) {
    for (int shift = 0; shift < 32; shift += 8) crc_byte(&crc, (uint32_t)numbers[i] >> shift);
  }
  return ~crc.value;
}

const uint8_t* take(struct reader* reader, uint64_t size) {
  if (size > reader->left) return NULL;
  const uint8_t* bytes = reader->next;
  reader->next += size;
  reader->left -= (size_t)size;
  return bytes;
}

uint32_t* take_u32(struct reader* reader, uint64_t count) {
  const uint8_t* bytes = count > SIZE_MAX / 4 ? NULL : take(reader, 4 * count);
  uint32_t* numbers = bytes == NULL ? NULL : allocate(count, sizeof *numbers);
  for (uint64_t i = 0; numbers != NULL && i < count; ++i) numbers[i] = load_u32(bytes + 4 * i);
  return numbers;
}

/* Two's complement, as every machine has it: the conversion keeps the bits. */
int32_t* take_i32(struct reader* reader, uint64_t count) { return (int32_t*)take_u32(reader, count); }

int64_t* take_i64(struct reader* reader, uint64_t count) {
  const uint8_t* bytes = count > SIZE_MAX / 8 ? NULL : take(reader, 8 * count);
  int64_t* numbers = bytes == NULL ? NULL : allocate(count, sizeof *numbers);
  for (uint64_t i = 0; numbers != NULL && i < count; ++i) numbers[i] = (int64_t)load_u64(bytes + 8 * i);
  return numbers;
}

void* allocate(uint64_t count, size_t size) {
  if (count > SIZE_MAX / size) return NULL;
  return calloc(count == 0 ? 1 : (size_t)count, size);
}
