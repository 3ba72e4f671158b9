/* What exchange.cpp writes and decode.c reads, on machines of like byte order: a number of streams, and for each of
 * them a struct stream, then its arrays. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct stream {
  uint32_t hyper_channels, hyper_height, hyper_width;
  uint32_t feature_channels;
  uint32_t latent_channels, height, width;
  uint32_t point, lanes;
  uint32_t tables, stride; /* cdf[tables][stride], lengths[tables], offsets[tables] follow, int32 */
  uint32_t network_size, context_size, hyper_size, latent_size; /* two blobs and two payloads follow, in bytes */
  uint32_t crc; /* of the latent as it is decoded, CRC-32 of its bytes */
};

static inline uint32_t crc32(const void* data, size_t size) {
  uint32_t crc = ~UINT32_C(0);
  for (size_t i = 0; i < size; ++i) {
    crc ^= ((const unsigned char*)data)[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
  }
  return ~crc;
}
