// Frequency tables, validated once and laid out flat for the two inner loops of the coder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace licrt {

inline constexpr unsigned kPrecision = 16;               // frequencies of a table sum to 2^16
inline constexpr unsigned kBuckets = 256;                // of the decoder's lookup, by the slot's top 8 bits
inline constexpr size_t kMaxTables = 1u << 16;           // bounds the memory that small inputs can ask for
inline constexpr int64_t kMaxOffset = int64_t{1} << 30;  // symbol + offset stays an int32, escapes included

// What the encoder needs of one symbol.
struct EncodeSymbol {
  uint64_t reciprocal;
  uint32_t bias;
  uint16_t complement;  // 2^16 - frequency
  uint16_t shift;
};

// REQUIRES: 1 <= frequency < 2^16.
EncodeSymbol make_encode_symbol(uint32_t start, uint32_t frequency);

// (state / frequency << 16) + state % frequency + start, without a division. REQUIRES: 1 <= state < 2^63.
inline uint64_t code(uint64_t state, const EncodeSymbol& symbol) {
  const auto product = static_cast<unsigned __int128>(state) * symbol.reciprocal;
  const uint64_t quotient = static_cast<uint64_t>(product >> 64) >> symbol.shift;
  return state + symbol.bias + quotient * symbol.complement;
}

// One bucket of 256 slots. Where a single plain symbol covers it, `frequency` is that symbol's and `value` what it
// decodes to. Otherwise `frequency` is 0: the slot belongs to one of the `start + 1` symbols from flat number `value`
// on.
struct DecodeBucket {
  uint16_t start;
  uint16_t frequency;
  int32_t value;
};

// Symbol s of a table has flat number first + s; the escape comes last.
struct TableRange {
  uint32_t first;
  uint32_t plain;  // symbols that are not the escape
  int32_t offset;  // the value of symbol 0
};

}  // namespace licrt

struct licrt_tables {
  // REQUIRES: the arrays that licrt_tables_create describes. Returns false where they break its rules.
  [[nodiscard]] bool assign(const int32_t* cdf, size_t table_count, size_t row_stride, const int32_t* lengths,
                            const int32_t* offsets);

  std::vector<licrt::TableRange> ranges;       // [table]
  std::vector<licrt::EncodeSymbol> encode;     // [flat number]
  std::vector<licrt::DecodeBucket> buckets;    // [table][kBuckets]
  std::vector<licrt::DecodeBucket> likeliest;  // [table], a bucket of the most frequent plain symbol alone
  std::vector<uint16_t> starts;                // [flat number], and one more: a table ends where the next begins, at 0
};
