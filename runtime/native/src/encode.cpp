#include <bit>
#include <cstring>

#include "bytes.h"
#include "rans.h"

namespace licrt {
namespace {

// Words go downwards, so that they end up in the order in which the decoder reads them.
inline void put_word(uint64_t& state, uint8_t*& front) {
  front -= 4;
  store_u32(front, static_cast<uint32_t>(state));
  state >>= 32;
}

inline void put_symbol(uint64_t& state, const EncodeSymbol& symbol, uint8_t*& front) {
  // The next state is below 2^63 exactly if state < frequency << 47.
  if ((state >> 47) + symbol.complement >= 1u << kPrecision) [[unlikely]]
    put_word(state, front);
  state = code(state, symbol);
}

inline void put_nibble(uint64_t& state, uint32_t nibble, uint8_t*& front) {
  if (state >> (63 - kNibbleBits) != 0) put_word(state, front);
  state = state << kNibbleBits | nibble;
}

struct Coded {
  uint64_t state;
  uint8_t* front;  // null: the value needs too many nibbles
};

// By value, so that the states of the calling loop stay in registers.
[[gnu::noinline]] Coded put_escape(uint64_t state, uint8_t* front, const licrt_tables& tables, const TableRange& range,
                                   int32_t symbol) {
  const int64_t value = int64_t{symbol} - range.offset;
  const int64_t raw = value < 0 ? -2 * value - 1 : 2 * (value - range.plain);
  if (raw >> (kNibbleBits * kMaxNibbles) != 0) return {state, nullptr};
  const auto bits = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(raw)));
  const unsigned nibbles = (bits + kNibbleBits - 1) / kNibbleBits;
  for (unsigned n = nibbles; n-- > 0;) put_nibble(state, raw >> (kNibbleBits * n) & 15, front);
  put_nibble(state, nibbles, front);
  put_symbol(state, tables.encode[range.first + range.plain], front);
  return {state, front};
}

template <unsigned lanes>
licrt_status encode_lanes(const licrt_tables& tables, const int32_t* symbols, const int32_t* indexes, size_t count,
                          uint8_t* data, size_t capacity, size_t* size) {
  const TableRange* const ranges = tables.ranges.data();
  const EncodeSymbol* const records = tables.encode.data();
  const auto table_count = static_cast<uint32_t>(tables.ranges.size());
  uint8_t* front = data + capacity;
  uint64_t states[lanes];
  constexpr auto all = std::make_index_sequence<lanes>();
  for_lanes(all, [&](auto lane) { return (states[lane] = kLowest) != 0; });
  licrt_status status = LICRT_OK;

  auto put = [&](uint64_t& state, size_t i) __attribute__((always_inline)) {
    const auto table = static_cast<uint32_t>(indexes[i]);
    if (table >= table_count) [[unlikely]] {
      status = LICRT_INVALID_ARGUMENT;
      return false;
    }
    const TableRange range = ranges[table];
    // 32 bits suffice: |offset| <= 2^30 keeps the true difference too small to wrap into [0, plain).
    const uint32_t symbol = static_cast<uint32_t>(symbols[i]) - static_cast<uint32_t>(range.offset);
    if (symbol < range.plain) [[likely]] {
      put_symbol(state, records[range.first + symbol], front);
      return true;
    }
    const Coded coded = put_escape(state, front, tables, range, symbols[i]);
    if (coded.front == nullptr) {
      status = LICRT_SYMBOL_RANGE;
      return false;
    }
    state = coded.state;
    front = coded.front;
    return true;
  };

  size_t i = count - count % lanes;
  bool good = for_lanes(all, [&](auto n) {
    constexpr size_t lane = lanes - 1 - n;
    return i + lane >= count || put(states[lane], i + lane);
  });
  while (good && i != 0) {
    i -= lanes;
    good = for_lanes(all, [&](auto n) { return put(states[lanes - 1 - n], i + (lanes - 1 - n)); });
  }
  if (!good) return status;
  front -= 8 * lanes;
  for_lanes(all, [&](auto lane) {
    store_u64(front + 8 * lane, states[lane]);
    return true;
  });
  *size = static_cast<size_t>(data + capacity - front);
  std::memmove(data, front, *size);
  return LICRT_OK;
}

}  // namespace

licrt_status encode(const licrt_tables& tables, const int32_t* symbols, const int32_t* indexes, size_t count,
                    unsigned lanes, uint8_t* data, size_t capacity, size_t* size) {
  if (lanes == 1) return encode_lanes<1>(tables, symbols, indexes, count, data, capacity, size);
  if (lanes == 2) return encode_lanes<2>(tables, symbols, indexes, count, data, capacity, size);
  return encode_lanes<4>(tables, symbols, indexes, count, data, capacity, size);
}

}  // namespace licrt
