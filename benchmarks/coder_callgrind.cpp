// One encode or decode of Gaussian symbols through licrt.h, for coder_callgrind.sh to count instructions of.
//
//   coder_callgrind encode|decode LANES
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "licrt.h"

namespace {

constexpr size_t kSymbols = 192 * 32 * 48;
constexpr int kTables = 64;

double scale_of(int table) { return 0.11 * std::pow(256 / 0.11, table / (kTables - 1.0)); }

struct Arrays {
  std::vector<int32_t> cdf, lengths, offsets;
  size_t stride = 0;
};

// CompressAI's 64 Gaussian tables, but for the last bit of their frequencies.
Arrays gaussian_tables() {
  Arrays arrays;
  arrays.stride = 2 * static_cast<size_t>(std::ceil(6.11 * scale_of(kTables - 1))) + 3;
  arrays.cdf.resize(kTables * arrays.stride);
  for (int table = 0; table < kTables; ++table) {
    const int centre = static_cast<int>(std::ceil(6.11 * scale_of(table)));
    const int symbols = 2 * centre + 1;
    int32_t* const row = &arrays.cdf[table * arrays.stride];
    for (int symbol = 1; symbol <= symbols; ++symbol) {
      const double upper = std::erfc(-(symbol - centre - 0.5) / scale_of(table) / std::sqrt(2.0)) / 2;
      row[symbol] = symbol + static_cast<int32_t>(upper * (65535 - symbols));
    }
    row[symbols + 1] = 65536;
    arrays.lengths.push_back(symbols + 2);
    arrays.offsets.push_back(-centre);
  }
  return arrays;
}

void check(licrt_status status) {
  if (status == LICRT_OK) return;
  std::fprintf(stderr, "%s\n", licrt_status_message(status));
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const unsigned lanes = static_cast<unsigned>(std::atoi(argv[2]));
  const Arrays arrays = gaussian_tables();
  licrt_tables* tables = nullptr;
  check(licrt_tables_create(arrays.cdf.data(), kTables, arrays.stride, arrays.lengths.data(), arrays.offsets.data(),
                            &tables));

  std::mt19937 random(20);
  std::normal_distribution<double> normal;
  std::vector<int32_t> symbols(kSymbols), indexes(kSymbols), decoded(kSymbols);
  double channel_log_scale = 0;
  for (size_t i = 0; i < kSymbols; ++i) {
    if (i % (32 * 48) == 0) channel_log_scale = -1.9 + 1.5 * normal(random);
    const double scale = std::exp(channel_log_scale + 0.5 * normal(random));
    symbols[i] = static_cast<int32_t>(std::lround(scale * normal(random)));
    while (indexes[i] < kTables - 1 && scale_of(indexes[i]) < scale) ++indexes[i];
  }

  std::vector<uint8_t> data(licrt_encode_bound(kSymbols, lanes));
  size_t size = 0;
  check(licrt_encode(tables, symbols.data(), indexes.data(), kSymbols, lanes, data.data(), data.size(), &size));
  if (std::string(argv[1]) == "decode") {
    check(licrt_decode(tables, indexes.data(), kSymbols, lanes, data.data(), size, decoded.data()));
    if (decoded != symbols) return 1;
  }
  licrt_tables_destroy(tables);
  std::printf("%zu symbols, %.3f bit/symbol\n", kSymbols, 8.0 * static_cast<double>(size) / kSymbols);
}
