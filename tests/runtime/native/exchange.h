/* Streams and their models as decode.c reads them, from exchange.cpp (random models) or tests/references/exchange.py
 * (bundles), on machines of like byte order: a u32, how many, and for each a struct stream, then these arrays:
 *
 *   tables of the prior, and of the latent where there is a network: cdf[count][stride], lengths[count],
 *     offsets[count], all int32
 *   medians int32[latent_channels] where there is no network; offsets int64[latent.count] where multiplier is not 0
 *   the two blobs and the two payloads
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct table_shape {
  uint32_t count, stride;
};

struct stream {
  uint32_t hyper_channels, hyper_height, hyper_width;
  uint32_t latent_channels, height, width;
  uint32_t mean_fraction, point;
  uint32_t multiplier, shift; /* of the rate point, docs/integer-net.md section 8; 0 without rates or with a context */
  struct table_shape prior, latent;
  uint32_t network_size, context_size; /* bytes; 0 where there is none: factorised models, models without context */
  uint32_t hyper_size, hyper_lanes, latent_size, latent_lanes;
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
