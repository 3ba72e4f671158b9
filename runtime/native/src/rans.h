// The coder: interleaved rANS (Duda, "Asymmetric numeral systems", 2013; Giesen, "Interleaved entropy coders", 2014).
//
// Lane i mod lanes codes symbol i. A state is 64 bits wide and stays in [2^31, 2^63); it takes in or gives out 32 bits
// at a time. The payload is the final states of the encoder, 8 bytes each, then its words in the order of the decoder.
// With one lane these are the bytes of CompressAI's coder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "licrt.h"
#include "tables.h"

namespace licrt {

inline constexpr uint64_t kLowest = uint64_t{1} << 31;

// An escaped value v becomes raw = -2v - 1 below the table and 2 (v - plain) above it: the number of nibbles in raw,
// then the nibbles, lowest first, each of 4 bits with no table.
inline constexpr unsigned kNibbleBits = 4;
inline constexpr unsigned kMaxNibbles = 7;

// step(0), step(1), ... until one is false, with the numbers as constants, so that states[lane] is a register.
template <size_t... lane, typename Step>
[[gnu::always_inline]] inline bool for_lanes(std::index_sequence<lane...>, Step step) {
  return (step(std::integral_constant<size_t, lane>()) && ...);
}

// REQUIRES: lanes is 1, 2 or 4; `data` has licrt_encode_bound(count, lanes) bytes.
licrt_status encode(const licrt_tables& tables, const int32_t* symbols, const int32_t* indexes, size_t count,
                    unsigned lanes, uint8_t* data, size_t capacity, size_t* size);

// A payload that is decoded in several goes: the symbols may be asked for in pieces of any size, and are those that one
// go would give. After a status that is not LICRT_OK nothing more can be had.
class Decoder {
 public:
  // Takes in the states of a payload, which has to outlive the decoder. REQUIRES: lanes is 1, 2 or 4.
  licrt_status start(const uint8_t* data, size_t size, unsigned lanes);

  // Decodes the next `count` symbols. LICRT_INVALID_ARGUMENT: an index has no table.
  licrt_status next(const licrt_tables& tables, const int32_t* indexes, size_t count, int32_t* symbols);

  // LICRT_OK where every byte is consumed and every lane is back in its initial state.
  licrt_status finish() const;

 private:
  template <unsigned lanes>
  licrt_status next_of(const licrt_tables& tables, const int32_t* indexes, size_t count, int32_t* symbols);

  uint64_t states_[4];  // the next symbol's lane first
  const uint8_t* next_;
  const uint8_t* end_;
  unsigned lanes_;
};

// All symbols of a payload. REQUIRES: lanes is 1, 2 or 4.
licrt_status decode(const licrt_tables& tables, const int32_t* indexes, size_t count, unsigned lanes,
                    const uint8_t* data, size_t size, int32_t* symbols);

}  // namespace licrt
