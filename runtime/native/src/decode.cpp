#include "bytes.h"
#include "rans.h"

namespace licrt {
namespace {

struct Words {
  const uint8_t* next;
  const uint8_t* end;  // a multiple of 4 bytes after `next`
};

// False where the payload is too short.
[[gnu::always_inline]] inline bool refill(uint64_t& state, Words& words) {
  if (state < kLowest) [[unlikely]] {
    if (words.next == words.end) return false;
    state = state << 32 | load_u32(words.next);
    words.next += 4;
  }
  return true;
}

struct Escaped {
  uint64_t state;
  const uint8_t* next;  // null: not what an encoder writes
  int32_t raw;
};

// By value, so that the states of the calling loop stay in registers.
[[gnu::noinline]] Escaped get_escape(uint64_t state, Words words) {
  constexpr uint64_t mask = (1u << kNibbleBits) - 1;
  const auto nibbles = static_cast<unsigned>(state & mask);
  state >>= kNibbleBits;
  if (nibbles > kMaxNibbles || !refill(state, words)) return {0, nullptr, 0};
  uint32_t raw = 0;
  for (unsigned n = 0; n < nibbles; ++n) {
    raw |= static_cast<uint32_t>(state & mask) << (kNibbleBits * n);
    state >>= kNibbleBits;
    if (!refill(state, words)) return {0, nullptr, 0};
  }
  // An encoder writes no leading zeros, so every payload that decodes is the only one for its symbols.
  if (nibbles != 0 && raw >> (kNibbleBits * (nibbles - 1)) == 0) return {0, nullptr, 0};
  return {state, words.next, static_cast<int32_t>(raw)};
}

template <unsigned lanes>
licrt_status decode_lanes(const licrt_tables& tables, const int32_t* indexes, size_t count, const uint8_t* data,
                          size_t size, int32_t* symbols) {
  if (size < 8 * lanes || size % 4 != 0) return LICRT_CORRUPT;
  // A state stays below 2^63: coding back gives less than frequency * 2^47, and a refill starts below 2^31.
  uint64_t states[lanes];
  constexpr auto all = std::make_index_sequence<lanes>();
  const bool valid = for_lanes(all, [&](auto lane) {
    states[lane] = load_u64(data + 8 * lane);
    return states[lane] >= kLowest && states[lane] >> 63 == 0;
  });
  if (!valid) return LICRT_CORRUPT;
  Words words{data + 8 * lanes, data + size};
  const DecodeBucket* const buckets = tables.buckets.data();
  [[maybe_unused]] const DecodeBucket* const likeliest = tables.likeliest.data();
  const uint16_t* const starts = tables.starts.data();
  const auto table_count = static_cast<uint32_t>(tables.ranges.size());
  licrt_status status = LICRT_CORRUPT;

  auto get = [&](uint64_t& state, size_t i) __attribute__((always_inline)) {
    const auto table = static_cast<uint32_t>(indexes[i]);
    if (table >= table_count) [[unlikely]] {
      status = LICRT_INVALID_ARGUMENT;
      return false;
    }
    const auto slot = static_cast<uint32_t>(state & 0xffff);
    if constexpr (lanes == 1) {
      // A single lane would wait for the lookup. Where the guess is right, nothing waits but the arithmetic.
      const DecodeBucket guess = likeliest[table];
      if (slot - guess.start < guess.frequency) {
        state = guess.frequency * (state >> kPrecision) + uint64_t{slot - guess.start};
        symbols[i] = guess.value;
        return refill(state, words);
      }
    }
    const DecodeBucket* const row = buckets + size_t{table} * kBuckets;
    const DecodeBucket bucket = row[slot >> 8];
    if (bucket.frequency != 0) [[likely]] {
      state = bucket.frequency * (state >> kPrecision) + uint64_t{slot - bucket.start};
      symbols[i] = bucket.value;
      return refill(state, words);
    }
    // The last symbol of the bucket that starts at or before the slot.
    auto flat = static_cast<uint32_t>(bucket.value);
    for (uint32_t size = bucket.start + 1u; size > 1;) {
      const uint32_t half = size / 2;
      flat = starts[flat + half] <= slot ? flat + half : flat;
      size -= half;
    }
    const uint16_t frequency = static_cast<uint16_t>(starts[flat + 1] - starts[flat]);
    state = frequency * (state >> kPrecision) + uint64_t{slot - starts[flat]};
    if (!refill(state, words)) return false;
    const TableRange range = tables.ranges[table];
    const uint32_t symbol = flat - range.first;
    if (symbol != range.plain) [[likely]] {
      symbols[i] = range.offset + static_cast<int32_t>(symbol);
      return true;
    }
    const Escaped escaped = get_escape(state, words);
    if (escaped.next == nullptr) return false;
    state = escaped.state;
    words.next = escaped.next;
    const int32_t half = escaped.raw >> 1;
    symbols[i] = range.offset + (escaped.raw & 1 ? -half - 1 : half + static_cast<int32_t>(range.plain));
    return true;
  };

  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const bool good = for_lanes(all, [&](auto lane) { return get(states[lane], i + lane); });
    if (!good) [[unlikely]]
      return status;
  }
  const bool good = for_lanes(all, [&](auto lane) { return i + lane >= count || get(states[lane], i + lane); });
  if (!good) return status;
  const bool ended = for_lanes(all, [&](auto lane) { return states[lane] == kLowest; });
  return ended && words.next == words.end ? LICRT_OK : LICRT_CORRUPT;
}

}  // namespace

licrt_status decode(const licrt_tables& tables, const int32_t* indexes, size_t count, unsigned lanes,
                    const uint8_t* data, size_t size, int32_t* symbols) {
  if (lanes == 1) return decode_lanes<1>(tables, indexes, count, data, size, symbols);
  if (lanes == 2) return decode_lanes<2>(tables, indexes, count, data, size, symbols);
  return decode_lanes<4>(tables, indexes, count, data, size, symbols);
}

}  // namespace licrt
