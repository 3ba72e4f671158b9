// Payloads from strangers: licrt_decode gives what the specification says, whatever lies around the payload, and what
// it accepts is what licrt_encode writes of the same symbols.
//
// Input: tables (coder.h), lanes, the number of symbols, their indexes, the payload.
#include <algorithm>
#include <cstring>

#include "coder.h"

namespace {

// What comes before the payload.
struct Call {
  explicit Call(Input& input) : tables(take_tables(input)), lanes(input.lanes()), indexes(input.byte()) {
    for (int32_t& index : indexes) index = static_cast<int32_t>(input.byte() % tables.count);
  }

  std::vector<uint8_t> encode(const std::vector<int32_t>& symbols) const {
    std::vector<uint8_t> payload(licrt_encode_bound(symbols.size(), lanes));
    size_t length = 0;
    const licrt_status status = licrt_encode(tables.handle.get(), symbols.data(), indexes.data(), symbols.size(), lanes,
                                             payload.data(), payload.size(), &length);
    EXPECT(status == LICRT_OK, "symbols that were decoded cannot be encoded: status %d", status);
    payload.resize(length);
    return payload;
  }

  Tables tables;
  unsigned lanes;
  std::vector<int32_t> indexes;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const Call call(input);
  if (call.tables.handle == nullptr) return 0;
  const size_t left = input.left();
  std::vector<int32_t> symbols(call.indexes.size()), expected;
  const auto decode = [&](const uint8_t* payload) {
    return licrt_decode(call.tables.handle.get(), call.indexes.data(), call.indexes.size(), call.lanes, payload, left,
                        symbols.data());
  };
  const licrt_status status = decode(input.rest());
  const bool good = SlowDecoder(input.rest(), left).decode(call.tables, call.indexes, call.lanes, expected);
  EXPECT(status == (good ? LICRT_OK : LICRT_CORRUPT), "status %d", status);
  EXPECT(!good || symbols == expected, "other symbols than the specification's");

  for (const int around : {0, 255}) {
    std::vector<uint8_t> framed(left + 64, static_cast<uint8_t>(around));
    if (left != 0) std::memcpy(&framed[17], input.rest(), left);
    EXPECT(decode(&framed[17]) == status && (!good || symbols == expected), "what surrounds the payload is seen");
  }
  if (good) {
    const std::vector<uint8_t> again = call.encode(symbols);
    EXPECT(std::equal(again.begin(), again.end(), input.rest(), input.rest() + left), "two payloads, one meaning");
  }
  return 0;
}

// Now and then the payload becomes one that ends as it should, of the symbols that it began with.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, capacity);
  if (seed % 3 != 0) return size;
  Input input(data, size);
  const Call call(input);
  if (call.tables.handle == nullptr) return size;
  std::vector<int32_t> symbols;
  SlowDecoder(input.rest(), input.left()).decode(call.tables, call.indexes, call.lanes, symbols);
  while (symbols.size() < call.indexes.size()) {
    symbols.push_back(call.tables.offsets[static_cast<size_t>(call.indexes[symbols.size()])]);
  }
  const std::vector<uint8_t> payload = call.encode(symbols);
  const size_t begin = size - input.left();
  if (begin + payload.size() > capacity) return size;
  std::copy(payload.begin(), payload.end(), data + begin);
  return begin + payload.size();
}
