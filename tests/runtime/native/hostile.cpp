// Blobs and payloads from strangers: whatever is changed in them, they are refused with a line that says why, or work.
// Built with the sanitizers for addresses and undefined behaviour, which end the program at the first fault.
#include <cstring>
#include <vector>

#include "context_blobs.h"
#include "damage.h"
#include "licrt.h"
#include "numbers.h"

namespace {

constexpr size_t kHeight = 3, kWidth = 5;

const char* any_kernels(Numbers& numbers) {
  size_t count = 0;
  while (licrt_kernels(count) != nullptr) ++count;
  return licrt_kernels(static_cast<size_t>(numbers.between(0, static_cast<int64_t>(count) - 1)));
}

std::vector<int32_t> any_values(Numbers& numbers, size_t count) {
  std::vector<int32_t> values(count);
  for (int32_t& value : values) value = static_cast<int32_t>(numbers.signed_bits(31));
  return values;
}

void expect_refused(licrt_status status, const char* reason) {
  EXPECT(status == LICRT_INVALID_NETWORK && *reason != '\0' && std::strchr(reason, '\n') == nullptr, "status %d: '%s'",
         status, reason);
}

// Returns whether the blob is a network, after running it.
bool try_network(Numbers& numbers, const std::vector<uint8_t>& blob) {
  licrt_network* network = nullptr;
  char reason[256];
  const licrt_status made =
      licrt_network_create(blob.data(), blob.size(), any_kernels(numbers), &network, reason, sizeof reason);
  if (made != LICRT_OK) {
    expect_refused(made, reason);
    return false;
  }
  licrt_network_info info;
  licrt_network_describe(network, &info);
  size_t height = 0, width = 0;
  if (licrt_network_output_size(network, kHeight, kWidth, &height, &width) == LICRT_OK && height * width < 1 << 14) {
    const std::vector<int32_t> symbols = any_values(numbers, info.input_channels * kHeight * kWidth);
    std::vector<int32_t> indexes(info.index_channels * height * width), means(info.mean_channels * height * width);
    const auto point = static_cast<uint32_t>(numbers.between(0, info.rate_points - 1));
    const licrt_status ran = licrt_network_run(network, symbols.data(), kHeight, kWidth, height, width, 2, point,
                                               indexes.data(), means.data());
    EXPECT(ran == LICRT_OK, "%s", licrt_status_message(ran));
    for (const int32_t index : indexes)
      EXPECT(0 <= index && index <= static_cast<int32_t>(info.threshold_count), "%d", index);
  }
  licrt_network_destroy(network);
  return true;
}

// Whatever the payload holds, it is decoded to something or refused as corrupt.
void try_payload(const licrt_context* context, const std::vector<int32_t>& features, const licrt_tables* tables,
                 const std::vector<uint8_t>& payload, unsigned lanes, uint32_t point, std::vector<int32_t>& y_hat) {
  const licrt_status status = licrt_context_decode(context, features.data(), tables, payload.data(), payload.size(),
                                                   lanes, kHeight, kWidth, 2, point, y_hat.data());
  EXPECT(status == LICRT_OK || status == LICRT_CORRUPT, "%s", licrt_status_message(status));
}

// Returns whether the blob is a context model, after coding with it.
bool try_context(Numbers& numbers, const std::vector<uint8_t>& blob) {
  licrt_context* context = nullptr;
  char reason[256];
  const licrt_status made =
      licrt_context_create(blob.data(), blob.size(), any_kernels(numbers), &context, reason, sizeof reason);
  if (made != LICRT_OK) {
    expect_refused(made, reason);
    return false;
  }
  licrt_context_info info;
  licrt_context_describe(context, &info);
  const std::vector<int32_t> features = any_values(numbers, info.feature_channels * kHeight * kWidth);
  const size_t count = info.latent_channels * kHeight * kWidth;
  std::vector<float> latent(count);
  for (float& value : latent) value = static_cast<float>(numbers.signed_bits(numbers.between(0, 9) == 0 ? 62 : 8)) / 16;
  std::vector<int32_t> symbols(count), indexes(count), encoded(count), decoded(count);
  const auto point = static_cast<uint32_t>(numbers.between(0, info.rate_points - 1));
  licrt_status status = licrt_context_encode(context, features.data(), latent.data(), kHeight, kWidth, 2, point,
                                             symbols.data(), indexes.data(), encoded.data());
  EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
  licrt_tables* const tables = TriangularTables(info.table_count).create();
  const unsigned lanes = 1u << numbers.between(0, 2);
  const std::vector<uint8_t> payload = encode_symbols(tables, symbols, indexes, lanes);
  status = licrt_context_decode(context, features.data(), tables, payload.data(), payload.size(), lanes, kHeight,
                                kWidth, 2, point, decoded.data());
  EXPECT(status == LICRT_OK && decoded == encoded, "%s", licrt_status_message(status));
  for (int i = 0; i < 4; ++i) try_payload(context, features, tables, damage(numbers, payload), lanes, point, decoded);
  std::vector<uint8_t> noise(payload.size());
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(numbers.next());
  for (unsigned lane = 0; lane < lanes; ++lane) noise[8 * lane + 7] &= 127;
  try_payload(context, features, tables, noise, lanes, point, decoded);
  licrt_tables_destroy(tables);
  licrt_context_destroy(context);
  return true;
}

}  // namespace

int main() {
  Numbers numbers(2026);
  int networks = 0, contexts = 0;
  for (int round = 0; round < 40; ++round) {
    NetworkShape network_shape{};
    ContextShape context_shape{};
    const Blob network = random_network(numbers, network_shape), context = random_context(numbers, context_shape);
    EXPECT(try_network(numbers, network.bytes) && try_context(numbers, context.bytes), "round %d", round);
    for (int i = 0; i < 60; ++i) {
      networks += try_network(numbers, damage(numbers, network.bytes));
      contexts += try_context(numbers, damage(numbers, context.bytes));
    }
  }
  EXPECT(networks > 100 && contexts > 100, "only %d networks and %d context models were not refused", networks,
         contexts);
  std::printf("%d networks, %d context models\n", networks, contexts);
}
