// Tables as a fuzzer wants them, and the decoder of docs/bitstream.md, section 3, to compare with.
#pragma once

#include <memory>
#include <vector>

#include "input.h"
#include "licrt.h"
#include "numbers.h"

struct DestroyTables {
  void operator()(licrt_tables* tables) const { licrt_tables_destroy(tables); }
};

struct Tables {
  size_t count = 0, stride = 0;
  std::vector<int32_t> cdf, lengths, offsets;
  std::unique_ptr<licrt_tables, DestroyTables> handle;  // null where licrt_tables_create refuses them

  const int32_t* row(size_t table) const { return &cdf[table * stride]; }
};

// The rules of licrt_tables_create.
inline bool valid(const Tables& tables) {
  for (size_t table = 0; table < tables.count; ++table) {
    const int32_t* const row = tables.row(table);
    const int32_t length = tables.lengths[table], offset = tables.offsets[table];
    if (length < 3 || static_cast<size_t>(length) > tables.stride) return false;
    if (offset < -(1 << 30) || offset > 1 << 30 || row[0] != 0 || row[length - 1] != 65536) return false;
    for (int32_t i = 1; i < length; ++i) {
      if (row[i - 1] >= row[i]) return false;
    }
  }
  return true;
}

// A row that follows the rules, of frequencies from 1 up to nearly all.
inline void take_row(Input& input, int32_t* row, int32_t length) {
  std::vector<uint64_t> below(static_cast<size_t>(length));
  for (size_t i = 1; i < below.size(); ++i) {
    const uint32_t weight = input.byte();
    below[i] = below[i - 1] + (uint64_t{weight & 15} << (weight >> 4)) + (i == 1);
  }
  const auto free = static_cast<uint64_t>(65536 - (length - 1));
  for (size_t i = 0; i < below.size(); ++i) row[i] = static_cast<int32_t>(i + free * below[i] / below.back());
}

// One to eight tables, of numbers as they come or of numbers that follow the rules.
inline Tables take_tables(Input& input) {
  Tables tables;
  const uint32_t kind = input.byte();
  const bool raw = kind >= 192;
  tables.count = 1 + kind % 8;
  tables.stride = input.between(3, 66);
  tables.cdf.resize(tables.count * tables.stride);
  for (size_t table = 0; table < tables.count; ++table) {
    int32_t* const row = &tables.cdf[table * tables.stride];
    if (raw) {
      tables.lengths.push_back(static_cast<int32_t>(input.word()));
      tables.offsets.push_back(static_cast<int32_t>(input.word()));
      for (size_t i = 0; i < tables.stride; ++i) row[i] = static_cast<int32_t>(input.word());
    } else {
      tables.lengths.push_back(static_cast<int32_t>(input.between(3, static_cast<uint32_t>(tables.stride))));
      const auto offset = static_cast<int32_t>(input.word());
      tables.offsets.push_back(offset % 2 == 0 ? offset / 4096 : offset / 2);  // small ones and all
      take_row(input, row, tables.lengths.back());
    }
  }
  licrt_tables* handle = nullptr;
  const licrt_status status = licrt_tables_create(tables.cdf.data(), tables.count, tables.stride, tables.lengths.data(),
                                                  tables.offsets.data(), &handle);
  tables.handle.reset(handle);
  EXPECT(status == (valid(tables) ? LICRT_OK : LICRT_INVALID_TABLE), "status %d", status);
  EXPECT(raw || status == LICRT_OK, "a row is not made as it should be");
  return tables;
}

// The decoder of the specification, line by line.
class SlowDecoder {
 public:
  SlowDecoder(const uint8_t* data, size_t size) : input_(data, size) {}

  // False where the specification refuses the body.
  bool decode(const Tables& tables, const std::vector<int32_t>& indexes, unsigned lanes, std::vector<int32_t>& values) {
    for (unsigned k = 0; k < lanes; ++k) {
      good_ = good_ && input_.left() >= 8;
      x_[k] = input_.word();
      x_[k] |= uint64_t{input_.word()} << 32;
      if (x_[k] < kLowest || x_[k] >> 63 != 0) good_ = false;
    }
    values.clear();
    for (size_t i = 0; good_ && i < indexes.size(); ++i) {
      const auto table = static_cast<size_t>(indexes[i]);
      const int32_t* const c = tables.row(table);
      const int32_t escape = tables.lengths[table] - 2;
      uint64_t& x = x_[i % lanes];
      const auto f = static_cast<int32_t>(x & 0xffff);
      int32_t s = 0;
      while (c[s + 1] <= f) ++s;
      x = static_cast<uint64_t>(c[s + 1] - c[s]) * (x >> 16) + static_cast<uint64_t>(f - c[s]);
      refill(x);
      values.push_back((s == escape ? escaped(x, escape) : s) + tables.offsets[table]);
    }
    for (unsigned k = 0; k < lanes; ++k) good_ = good_ && x_[k] == kLowest;
    return good_ && input_.left() == 0;
  }

 private:
  static constexpr uint64_t kLowest = uint64_t{1} << 31;

  void refill(uint64_t& x) {
    if (x >= kLowest) return;
    if (input_.left() < 4) good_ = false;
    x = x << 32 | input_.word();
  }

  uint32_t nibble(uint64_t& x) {
    const auto value = static_cast<uint32_t>(x & 15);
    x >>= 4;
    refill(x);
    return value;
  }

  int32_t escaped(uint64_t& x, int32_t escape) {
    const uint32_t count = nibble(x);
    if (count > 7) good_ = false;
    uint32_t raw = 0, last = 1;
    for (uint32_t j = 0; good_ && j < count; ++j) raw |= (last = nibble(x)) << (4 * j);
    if (last == 0) good_ = false;
    const auto half = static_cast<int32_t>(raw >> 1);
    return raw % 2 == 1 ? -half - 1 : half + escape;
  }

  Input input_;
  uint64_t x_[4] = {};
  bool good_ = true;
};
