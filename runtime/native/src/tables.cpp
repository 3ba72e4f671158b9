#include "tables.h"

#include <algorithm>

namespace licrt {

EncodeSymbol make_encode_symbol(uint32_t start, uint32_t frequency) {
  const auto complement = static_cast<uint16_t>((1u << kPrecision) - frequency);
  // A reciprocal of 2^64 would be right; 2^64 - 1 gives state - 1, and the bias makes up for that.
  if (frequency == 1) return {~uint64_t{0}, start + (1u << kPrecision) - 1, complement, 0};
  unsigned shift = 0;  // ceil(log2(frequency)) - 1
  while (2u << shift < frequency) ++shift;
  // ceil(2^(64 + shift) / frequency) by long division in base 2^32; below 2^64, because frequency > 2^shift. It exceeds
  // the exact value by less than 1, which adds less than state / 2^(64 + shift) <= 1 / frequency to a quotient: none
  // reaches the next integer.
  const uint64_t high = uint64_t{1} << (32 + shift);
  const uint64_t quotient = high / frequency;
  const uint64_t low = ((high % frequency) << 32) + frequency - 1;
  return {(quotient << 32) + low / frequency, start, complement, static_cast<uint16_t>(shift)};
}

namespace {

bool is_table(const int32_t* cdf, int32_t length, size_t row_stride, int32_t offset) {
  if (length < 3 || length > (1 << kPrecision) + 1 || static_cast<size_t>(length) > row_stride) return false;
  if (offset < -kMaxOffset || offset > kMaxOffset) return false;
  if (cdf[0] != 0 || cdf[length - 1] != 1 << kPrecision) return false;
  return std::adjacent_find(cdf, cdf + length, std::greater_equal<>()) == cdf + length;
}

DecodeBucket find_likeliest(const int32_t* cdf, const TableRange& range) {
  DecodeBucket best{};
  for (uint32_t symbol = 0; symbol < range.plain; ++symbol) {
    const int32_t frequency = cdf[symbol + 1] - cdf[symbol];
    if (frequency > best.frequency) {
      best = {static_cast<uint16_t>(cdf[symbol]), static_cast<uint16_t>(frequency),
              range.offset + static_cast<int32_t>(symbol)};
    }
  }
  return best;
}

void fill_buckets(const int32_t* cdf, const TableRange& range, DecodeBucket* buckets) {
  constexpr int32_t width = (1 << kPrecision) / kBuckets;
  uint32_t symbol = 0;
  for (int32_t low = 0; low < 1 << kPrecision; low += width) {
    while (cdf[symbol + 1] <= low) ++symbol;
    uint32_t last = symbol;
    while (cdf[last + 1] < low + width) ++last;
    if (symbol == last && symbol != range.plain) {
      *buckets++ = {static_cast<uint16_t>(cdf[symbol]), static_cast<uint16_t>(cdf[symbol + 1] - cdf[symbol]),
                    range.offset + static_cast<int32_t>(symbol)};
    } else {
      *buckets++ = {static_cast<uint16_t>(last - symbol), 0, static_cast<int32_t>(range.first + symbol)};
    }
  }
}

}  // namespace
}  // namespace licrt

bool licrt_tables::assign(const int32_t* cdf, size_t table_count, size_t row_stride, const int32_t* lengths,
                          const int32_t* offsets) {
  using namespace licrt;
  if (table_count == 0 || table_count > kMaxTables) return false;
  size_t total = 0;
  for (size_t table = 0; table < table_count; ++table) {
    if (!is_table(cdf + table * row_stride, lengths[table], row_stride, offsets[table])) return false;
    total += static_cast<size_t>(lengths[table]) - 1;
  }
  if (total > INT32_MAX) return false;  // flat numbers are int32 in DecodeBucket

  ranges.reserve(table_count);
  encode.reserve(total);
  starts.reserve(total + 1);
  buckets.resize(table_count * kBuckets);
  for (size_t table = 0; table < table_count; ++table) {
    const int32_t* row = cdf + table * row_stride;
    const auto symbols = static_cast<uint32_t>(lengths[table] - 1);
    const TableRange range{static_cast<uint32_t>(encode.size()), symbols - 1, offsets[table]};
    ranges.push_back(range);
    for (uint32_t symbol = 0; symbol < symbols; ++symbol) {
      const auto start = static_cast<uint32_t>(row[symbol]);
      encode.push_back(make_encode_symbol(start, static_cast<uint32_t>(row[symbol + 1]) - start));
      starts.push_back(static_cast<uint16_t>(start));
    }
    likeliest.push_back(find_likeliest(row, range));
    fill_buckets(row, range, &buckets[table * kBuckets]);
  }
  starts.push_back(0);
  return true;
}
