// Little-endian loads and stores, at any address, on machines of either byte order.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace licrt {

inline uint32_t little_endian(uint32_t value) {
  if constexpr (std::endian::native == std::endian::big) return __builtin_bswap32(value);
  return value;
}

inline uint32_t load_u32(const uint8_t* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return little_endian(value);
}

inline void store_u32(uint8_t* bytes, uint32_t value) {
  value = little_endian(value);
  std::memcpy(bytes, &value, sizeof value);
}

inline uint64_t load_u64(const uint8_t* bytes) {
  return load_u32(bytes) | static_cast<uint64_t>(load_u32(bytes + 4)) << 32;
}

inline void store_u64(uint8_t* bytes, uint64_t value) {
  store_u32(bytes, static_cast<uint32_t>(value));
  store_u32(bytes + 4, static_cast<uint32_t>(value >> 32));
}

}  // namespace licrt
