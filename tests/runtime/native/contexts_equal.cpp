// Random context models give the same symbols, indexes and latents with every set of kernels and any number of threads,
// and every set decodes what another one encoded.
#include <set>
#include <vector>

#include "context_blobs.h"
#include "licrt.h"
#include "numbers.h"

namespace {

struct Case {
  ContextShape shape;
  Blob blob;
  size_t height, width;
  uint32_t point;
  std::vector<int32_t> features;
  std::vector<float> latent;
};

struct Coded {
  std::vector<int32_t> symbols, indexes, y_hat;
  bool operator==(const Coded&) const = default;
};

Case random_case(Numbers& numbers) {
  Case made{};
  made.blob = random_context(numbers, made.shape);
  made.height = static_cast<size_t>(numbers.between(1, 9));
  made.width = static_cast<size_t>(numbers.between(1, 17));
  made.point = static_cast<uint32_t>(numbers.between(0, made.shape.points - 1));
  made.features.resize(made.shape.features * made.height * made.width);
  for (int32_t& feature : made.features) {  // some far outside
    feature = static_cast<int32_t>(numbers.signed_bits(numbers.between(0, 30) == 0 ? 31 : made.shape.bits - 1));
  }
  made.latent.resize(made.shape.latents * made.height * made.width);
  for (float& value : made.latent) {
    value = static_cast<float>(numbers.signed_bits(numbers.between(0, 50) == 0 ? 18 : 8)) / 32;
  }
  return made;
}

licrt_context* open_context(const Blob& blob, const char* cpu) {
  licrt_context* context = nullptr;
  char reason[200];
  const licrt_status made =
      licrt_context_create(blob.bytes.data(), blob.bytes.size(), cpu, &context, reason, sizeof reason);
  EXPECT(made == LICRT_OK, "%s: %s", cpu, reason);
  return context;
}

Coded encode(const Case& from, const char* cpu, unsigned threads) {
  licrt_context* const context = open_context(from.blob, cpu);
  const size_t count = from.latent.size();
  Coded coded{std::vector<int32_t>(count), std::vector<int32_t>(count), std::vector<int32_t>(count)};
  const licrt_status status =
      licrt_context_encode(context, from.features.data(), from.latent.data(), from.height, from.width, threads,
                           from.point, coded.symbols.data(), coded.indexes.data(), coded.y_hat.data());
  EXPECT(status == LICRT_OK, "%s: %s", cpu, licrt_status_message(status));
  licrt_context_destroy(context);
  return coded;
}

std::vector<int32_t> decode(const Case& from, const char* cpu, unsigned threads, const licrt_tables* tables,
                            const std::vector<uint8_t>& payload, unsigned lanes) {
  licrt_context* const context = open_context(from.blob, cpu);
  std::vector<int32_t> y_hat(from.latent.size());
  const licrt_status status =
      licrt_context_decode(context, from.features.data(), tables, payload.data(), payload.size(), lanes, from.height,
                           from.width, threads, from.point, y_hat.data());
  EXPECT(status == LICRT_OK, "%s: %s", cpu, licrt_status_message(status));
  licrt_context_destroy(context);
  return y_hat;
}

Coded decode_symbols(const Case& from, const char* cpu, const licrt_tables* tables, const std::vector<uint8_t>& payload,
                     unsigned lanes) {
  licrt_context* const context = open_context(from.blob, cpu);
  const size_t count = from.latent.size();
  Coded coded{std::vector<int32_t>(count), std::vector<int32_t>(count), std::vector<int32_t>(count)};
  const licrt_status status = licrt_context_decode_symbols(
      context, from.features.data(), tables, payload.data(), payload.size(), lanes, from.height, from.width, 1,
      from.point, coded.symbols.data(), coded.indexes.data(), coded.y_hat.data());
  EXPECT(status == LICRT_OK, "%s: %s", cpu, licrt_status_message(status));
  licrt_context_destroy(context);
  return coded;
}

}  // namespace

int main() {
  Numbers numbers(11);
  std::set<int32_t> indexes;
  size_t symbols = 0, zeros = 0, escapes = 0;
  for (int round = 0; round < 60; ++round) {
    const Case made = random_case(numbers);
    const Coded expected = encode(made, "scalar", 1);
    licrt_tables* const tables = TriangularTables(made.shape.tables).create();
    const unsigned lanes = 1u << numbers.between(0, 2);
    const std::vector<uint8_t> payload = encode_symbols(tables, expected.symbols, expected.indexes, lanes);
    for (size_t i = 0; licrt_kernels(i) != nullptr; ++i) {
      const char* const cpu = licrt_kernels(i);
      EXPECT(decode_symbols(made, cpu, tables, payload, lanes) == expected, "%s, model %d", cpu, round);
      for (const unsigned threads : {1u, 3u}) {
        if (threads != 1 && round % 6 != 0) continue;  // they wait actively, which an emulator is slow at
        EXPECT(encode(made, cpu, threads) == expected, "%s, model %d, %u threads", cpu, round, threads);
        const bool same = decode(made, cpu, threads, tables, payload, lanes) == expected.y_hat;
        EXPECT(same, "%s, model %d, %u threads", cpu, round, threads);
      }
    }
    licrt_tables_destroy(tables);
    indexes.insert(expected.indexes.begin(), expected.indexes.end());
    for (size_t i = 0; i < expected.symbols.size(); ++i) {
      ++symbols;
      zeros += expected.symbols[i] == 0;
      escapes += std::abs(expected.symbols[i]) > expected.indexes[i] + 1;
    }
  }
  EXPECT(indexes.size() >= 50 && zeros > symbols / 50 && zeros < symbols / 2 && escapes > symbols / 50 &&
             escapes < symbols * 3 / 4,
         "%zu indexes, %zu zeros and %zu escapes of %zu symbols", indexes.size(), zeros, escapes, symbols);
  for (size_t i = 0; licrt_kernels(i) != nullptr; ++i) std::printf("%s ", licrt_kernels(i));
  std::puts("ok");
}
