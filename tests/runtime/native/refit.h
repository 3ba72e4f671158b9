// Checksums of changed streams and flat models made to fit, so that what is behind them is reached.
#pragma once

#include <cstdint>
#include <vector>

extern "C" {
#include "bytes.h"
}

inline void store_word(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
}

inline void refit_stream(std::vector<uint8_t>& bytes) {
  if (bytes.size() < 48) return;
  const size_t end = 48 + size_t{6} * bytes[14];
  if (bytes.size() < end + 4) return;
  store_word(bytes, 44, crc32_of(bytes.data() + end + 4, bytes.size() - end - 4));
  store_word(bytes, end, crc32_of(bytes.data(), end));
}

inline void refit_model(std::vector<uint8_t>& bytes) {
  if (bytes.size() >= 4) store_word(bytes, bytes.size() - 4, crc32_of(bytes.data(), bytes.size() - 4));
}
