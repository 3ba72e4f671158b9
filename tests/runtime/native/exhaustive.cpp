// Checks of the coder that are too many for Python: every frequency's reciprocal, and every slot of 64 tables.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "bytes.h"
#include "rans.h"
#include "tables.h"

namespace {

void expect(bool condition, const char* what, int64_t a, int64_t b) {
  if (condition) return;
  std::printf("%s: %lld %lld\n", what, static_cast<long long>(a), static_cast<long long>(b));
  std::exit(1);
}

// A reciprocal that is too large errs first at the largest state that is one below a multiple of the frequency, and one
// that is too small at the largest multiple: if both are right, all smaller states are. The others are for good
// measure.
void check_reciprocal(uint32_t frequency) {
  const uint64_t end = uint64_t{1} << 63;
  const licrt::EncodeSymbol symbol = licrt::make_encode_symbol(65536 - frequency, frequency);
  const uint64_t largest = (end - 1) / frequency;
  const uint64_t quotients[] = {largest, largest - 1, uint64_t{1} << 47, (uint64_t{1} << 31) / frequency + 1};
  for (const uint64_t quotient : quotients) {
    for (int distance = -2; distance <= 2; ++distance) {
      const uint64_t state = quotient * frequency + static_cast<uint64_t>(distance);
      if (state == 0 || state >= end) continue;
      // The next state may pass 2^64; both sides wrap alike.
      const uint64_t expected = (state / frequency << 16) + state % frequency + 65536 - frequency;
      expect(licrt::code(state, symbol) == expected, "reciprocal of", frequency, static_cast<int64_t>(state));
    }
  }
}

constexpr int32_t kGaussians = 64;
constexpr int32_t kUniform = kGaussians;  // the number of a table of 65536 symbols of frequency 1

std::vector<int32_t> gaussian_row(double scale) {
  const int centre = static_cast<int>(std::ceil(6.11 * scale)), symbols = 2 * centre + 1;
  std::vector<int32_t> row{0};
  for (int symbol = 1; symbol <= symbols; ++symbol) {
    const double below = std::erfc(-(symbol - centre - 0.5) / scale / std::sqrt(2.0)) / 2;
    row.push_back(symbol + static_cast<int32_t>(below * (65535 - symbols)));
  }
  row.back() = 65535;  // one slot for the escape
  row.push_back(65536);
  return row;
}

// The uniform symbol is coded first, and with it every state from which `symbol` goes to each of its slots can be had.
void check_slot(const licrt_tables& tables, int32_t table, int32_t symbol, int32_t start, int32_t frequency,
                int32_t slot, unsigned lanes) {
  const uint64_t state = licrt::kLowest << 16;  // and the uniform symbol
  const int64_t residue = slot - start - static_cast<int64_t>(state % static_cast<uint64_t>(frequency));
  const auto uniform = static_cast<int32_t>((residue + frequency) % frequency);
  const size_t count = lanes + 1;
  int32_t symbols[5] = {symbol}, indexes[5] = {table, kUniform, kUniform, kUniform, kUniform}, decoded[5] = {};
  symbols[lanes] = uniform;
  uint8_t data[64];
  size_t size = 0;
  licrt_status status = licrt::encode(tables, symbols, indexes, count, lanes, data, sizeof data, &size);
  expect(status == LICRT_OK && (licrt::load_u64(data) & 0xffff) == static_cast<uint64_t>(slot), "encode", table, slot);
  status = licrt::decode(tables, indexes, count, lanes, data, size, decoded);
  expect(status == LICRT_OK && std::equal(symbols, symbols + count, decoded), "decode", table, slot);
}

void check_slots() {
  std::vector<std::vector<int32_t>> rows;
  for (int table = 0; table < kGaussians; ++table) {
    rows.push_back(gaussian_row(0.11 * std::pow(256 / 0.11, table / (kGaussians - 1.0))));
  }
  rows.emplace_back(65537);
  std::iota(rows.back().begin(), rows.back().end(), 0);
  std::vector<int32_t> cdf(rows.size() * 65537), lengths, offsets(rows.size());
  for (size_t table = 0; table < rows.size(); ++table) {
    std::copy(rows[table].begin(), rows[table].end(), &cdf[table * 65537]);
    lengths.push_back(static_cast<int32_t>(rows[table].size()));
  }
  licrt_tables tables;
  expect(tables.assign(cdf.data(), rows.size(), 65537, lengths.data(), offsets.data()), "tables", 0, 0);
  for (int32_t table = 0; table < kGaussians; ++table) {
    const std::vector<int32_t>& row = rows[static_cast<size_t>(table)];
    for (size_t symbol = 0; symbol + 1 < row.size(); ++symbol) {  // the last one, coded as such, is the escape
      for (int32_t slot = row[symbol]; slot < row[symbol + 1]; ++slot) {
        for (const unsigned lanes : {1u, 2u, 4u}) {
          check_slot(tables, table, static_cast<int32_t>(symbol), row[symbol], row[symbol + 1] - row[symbol], slot,
                     lanes);
        }
      }
    }
  }
}

}  // namespace

int main() {
  for (uint32_t frequency = 1; frequency < 65536; ++frequency) check_reciprocal(frequency);
  check_slots();
  std::puts("ok");
}
