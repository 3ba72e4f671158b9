// Symbols of any size: licrt_encode writes what the specification's decoder reads, and refuses exactly what cannot be
// coded. Lanes agree, and bytes changed on the way never give the same symbols again.
//
// Input: tables (coder.h), the number of symbols, for each its index and its value, and bytes to damage payloads with.
#include "coder.h"

namespace {

// The value in the lowest 28 bits of what an escape would hold: the largest that can be coded is below 2^28.
bool fits(const Tables& tables, int32_t index, int32_t symbol) {
  const auto table = static_cast<size_t>(index);
  const int64_t value = int64_t{symbol} - tables.offsets[table], plain = tables.lengths[table] - 2;
  if (0 <= value && value < plain) return true;
  return (value < 0 ? -2 * value - 1 : 2 * (value - plain)) < 1 << 28;
}

// Near the table, near the limit of escapes, or anything.
int32_t take_symbol(Input& input, int32_t offset) {
  const uint32_t how = input.byte();
  if (how < 160) return offset + static_cast<int32_t>(how % 80) - 8;
  if (how < 240) return static_cast<int32_t>(static_cast<uint32_t>(offset) + (input.word() >> (how % 32)));
  const uint32_t limit = 1u << 27;
  return static_cast<int32_t>(static_cast<uint32_t>(offset) + (how % 2 == 0 ? limit : -limit) + input.byte() - 128);
}

void check(const Tables& tables, const std::vector<int32_t>& indexes, const std::vector<int32_t>& symbols,
           unsigned lanes, licrt_status expected, Input damage) {
  const licrt_tables* const handle = tables.handle.get();
  const size_t count = symbols.size(), bound = licrt_encode_bound(count, lanes);
  size_t size = 12345;
  std::vector<uint8_t> payload(bound - 1);
  licrt_status status =
      licrt_encode(handle, symbols.data(), indexes.data(), count, lanes, payload.data(), payload.size(), &size);
  EXPECT(status == LICRT_BUFFER_TOO_SMALL && size == 12345, "status %d", status);
  payload.resize(bound);
  payload.shrink_to_fit();
  status = licrt_encode(handle, symbols.data(), indexes.data(), count, lanes, payload.data(), bound, &size);
  EXPECT(status == expected, "status %d instead of %d", status, expected);
  if (status != LICRT_OK) {
    EXPECT(size == 12345, "a size of nothing");
    return;
  }
  payload.resize(size);
  payload.shrink_to_fit();

  std::vector<int32_t> decoded(count), slowly;
  const auto decode = [&](const std::vector<uint8_t>& bytes) {
    return licrt_decode(handle, indexes.data(), count, lanes, bytes.data(), bytes.size(), decoded.data());
  };
  EXPECT(decode(payload) == LICRT_OK && decoded == symbols, "%u lanes lose symbols", lanes);
  EXPECT(SlowDecoder(payload.data(), size).decode(tables, indexes, lanes, slowly) && slowly == symbols,
         "the specification reads something else");

  for (size_t place = damage.byte(); place != 0 && damage.left() != 0; place = damage.byte()) {
    std::vector<uint8_t> changed = payload;
    changed[place % size] ^= static_cast<uint8_t>(1 + damage.byte() % 255);
    EXPECT(decode(changed) != LICRT_OK || decoded != symbols, "two payloads, one meaning");
    changed = payload;
    changed.resize(size - 4 * (place % (size / 4)) - 4);
    EXPECT(decode(changed) != LICRT_OK, "%zu bytes of %zu suffice", changed.size(), size);
    changed = payload;
    changed.resize(size + place);
    EXPECT(decode(changed) != LICRT_OK, "%zu bytes too many", place);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Tables tables = take_tables(input);
  if (tables.handle == nullptr) return 0;
  std::vector<int32_t> indexes(input.byte()), symbols;
  const bool strange = input.between(0, 15) == 15;  // indexes without a table
  licrt_status expected = LICRT_OK;
  for (int32_t& index : indexes) {
    index = static_cast<int32_t>(strange ? input.word() >> input.between(0, 31) : input.byte() % tables.count);
    const bool known = 0 <= index && static_cast<size_t>(index) < tables.count;
    symbols.push_back(take_symbol(input, known ? tables.offsets[static_cast<size_t>(index)] : 0));
    // Symbols are coded from the last one to the first.
    if (!known) expected = LICRT_INVALID_ARGUMENT;
    if (known && !fits(tables, index, symbols.back())) expected = LICRT_SYMBOL_RANGE;
  }
  for (const unsigned lanes : {1u, 2u, 4u}) check(tables, indexes, symbols, lanes, expected, input);
  return 0;
}
