#include <algorithm>

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

}  // namespace

licrt_status Decoder::start(const uint8_t* data, size_t size, unsigned lanes) {
  if (size < 8 * lanes || size % 4 != 0) return LICRT_CORRUPT;
  lanes_ = lanes;
  // A state stays below 2^63: coding back gives less than frequency * 2^47, and a refill starts below 2^31.
  for (unsigned lane = 0; lane < lanes; ++lane) {
    states_[lane] = load_u64(data + 8 * lane);
    if (states_[lane] < kLowest || states_[lane] >> 63 != 0) return LICRT_CORRUPT;
  }
  next_ = data + 8 * lanes;
  end_ = data + size;
  return LICRT_OK;
}

template <unsigned lanes>
licrt_status Decoder::next_of(const licrt_tables& tables, const int32_t* indexes, size_t count, int32_t* symbols) {
  uint64_t states[lanes];  // in registers, as the words are
  constexpr auto all = std::make_index_sequence<lanes>();
  for_lanes(all, [&](auto lane) { return (states[lane] = states_[lane]) != 0; });
  Words words{next_, end_};
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
  const size_t turn = count % lanes;
  for (size_t lane = 0; lane < lanes; ++lane) states_[lane] = states[(lane + turn) % lanes];
  next_ = words.next;
  return LICRT_OK;
}

licrt_status Decoder::next(const licrt_tables& tables, const int32_t* indexes, size_t count, int32_t* symbols) {
  if (lanes_ == 1) return next_of<1>(tables, indexes, count, symbols);
  if (lanes_ == 2) return next_of<2>(tables, indexes, count, symbols);
  return next_of<4>(tables, indexes, count, symbols);
}

licrt_status Decoder::finish() const {
  const bool ended = std::all_of(states_, states_ + lanes_, [](uint64_t state) { return state == kLowest; });
  return ended && next_ == end_ ? LICRT_OK : LICRT_CORRUPT;
}

licrt_status decode(const licrt_tables& tables, const int32_t* indexes, size_t count, unsigned lanes,
                    const uint8_t* data, size_t size, int32_t* symbols) {
  Decoder decoder;
  licrt_status status = decoder.start(data, size, lanes);
  if (status == LICRT_OK) status = decoder.next(tables, indexes, count, symbols);
  return status == LICRT_OK ? decoder.finish() : status;
}

}  // namespace licrt
