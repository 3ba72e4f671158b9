// Context models from strangers: every set of kernels refuses a blob for the same reason, or codes the same symbols,
// with any number of threads. What is encoded is decoded; any other payload is decoded to something or refused.
//
// Input: height, width, threads, lanes, rate point (a byte each), seed of features, latents and damage (4), the blob.
#include <memory>

#include "blob.h"
#include "context_blobs.h"

namespace {

constexpr size_t kFront = 9;

struct Destroy {
  void operator()(licrt_context* context) const { licrt_context_destroy(context); }
  void operator()(licrt_tables* tables) const { licrt_tables_destroy(tables); }
};
using Handle = std::unique_ptr<licrt_context, Destroy>;

Made make_context(const Input& input, const char* cpu, Handle& handle) {
  licrt_context* context = nullptr;
  const Made made = make([&](char* reason, size_t size) {
    return licrt_context_create(input.rest(), input.left(), cpu, &context, reason, size);
  });
  handle.reset(context);
  EXPECT((context != nullptr) == (made.status == LICRT_OK), "status %d", made.status);
  return made;
}

struct Coded {
  std::vector<int32_t> symbols, indexes, y_hat;
  bool operator==(const Coded& other) const {
    return symbols == other.symbols && indexes == other.indexes && y_hat == other.y_hat;
  }
};

struct Decoded {
  licrt_status status;
  std::vector<int32_t> y_hat;  // of a payload that was accepted
  bool operator==(const Decoded& other) const { return status == other.status && y_hat == other.y_hat; }
};

struct Call {
  licrt_context_info info;
  size_t height, width;
  uint32_t point;
  unsigned lanes;
  std::vector<int32_t> features;
  std::vector<float> latent;

  Coded encode(const licrt_context* context, unsigned threads) const {
    const size_t count = latent.size();
    Coded coded{std::vector<int32_t>(count), std::vector<int32_t>(count), std::vector<int32_t>(count)};
    const licrt_status status =
        licrt_context_encode(context, features.data(), latent.data(), height, width, threads, point,
                             coded.symbols.data(), coded.indexes.data(), coded.y_hat.data());
    EXPECT(status == LICRT_OK, "%s", licrt_status_message(status));
    return coded;
  }

  Decoded decode(const licrt_context* context, const licrt_tables* tables, const std::vector<uint8_t>& payload,
                 unsigned threads) const {
    Decoded decoded{LICRT_OK, std::vector<int32_t>(latent.size())};
    decoded.status = licrt_context_decode(context, features.data(), tables, payload.data(), payload.size(), lanes,
                                          height, width, threads, point, decoded.y_hat.data());
    EXPECT(decoded.status == LICRT_OK || decoded.status == LICRT_CORRUPT, "%s", licrt_status_message(decoded.status));
    if (decoded.status != LICRT_OK) decoded.y_hat.clear();
    return decoded;
  }
};

Call take_call(const licrt_context* context, size_t height, size_t width, uint32_t point, unsigned lanes,
               Numbers& numbers) {
  Call call{{}, height, width, 0, lanes, {}, {}};
  licrt_context_describe(context, &call.info);
  call.point = point % call.info.rate_points;
  call.features.resize(call.info.feature_channels * height * width);
  for (int32_t& value : call.features) value = static_cast<int32_t>(numbers.signed_bits(31));
  call.latent.resize(call.info.latent_channels * height * width);
  for (float& value : call.latent) {
    value = static_cast<float>(numbers.signed_bits(numbers.between(0, 9) == 0 ? 62 : 8)) / 16;
  }
  return call;
}

// Changed payloads, and one that is noise behind states that can be.
std::vector<std::vector<uint8_t>> strange_payloads(Numbers& numbers, const std::vector<uint8_t>& payload,
                                                   unsigned lanes) {
  std::vector<std::vector<uint8_t>> payloads = {damage(numbers, payload), damage(numbers, payload), payload};
  for (uint8_t& byte : payloads.back()) byte = static_cast<uint8_t>(numbers.next());
  for (unsigned lane = 0; lane < lanes; ++lane) payloads.back()[8 * lane + 7] &= 127;
  for (auto& each : payloads) each.shrink_to_fit();
  return payloads;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const size_t height = input.between(1, 7), width = input.between(1, 7);
  const unsigned threads = input.between(1, 4), lanes = input.lanes();
  const uint32_t point = input.byte();
  Numbers numbers(input.word());

  Handle scalar;
  const std::vector<const char*> kernels = all_kernels();
  const Made made = make_context(input, kernels[0], scalar);
  for (size_t i = 1; i < kernels.size() && scalar == nullptr; ++i) {
    Handle context;
    const Made here = make_context(input, kernels[i], context);
    EXPECT(here == made, "%s: '%s' instead of '%s'", kernels[i], here.reason.c_str(), made.reason.c_str());
  }
  if (scalar == nullptr) return 0;

  const Call call = take_call(scalar.get(), height, width, point, lanes, numbers);
  const Coded coded = call.encode(scalar.get(), 1);
  for (const int32_t symbol : coded.symbols) EXPECT(-(1 << 15) <= symbol && symbol <= 1 << 15, "%d", symbol);
  for (const int32_t index : coded.indexes) {
    EXPECT(0 <= index && static_cast<uint32_t>(index) < call.info.table_count, "%d", index);
  }
  const std::unique_ptr<licrt_tables, Destroy> tables(TriangularTables(call.info.table_count).create());
  std::vector<uint8_t> payload = encode_symbols(tables.get(), coded.symbols, coded.indexes, lanes);
  payload.shrink_to_fit();
  const auto strange = strange_payloads(numbers, payload, lanes);
  std::vector<Decoded> outcomes;
  for (const auto& each : strange) outcomes.push_back(call.decode(scalar.get(), tables.get(), each, 1));

  for (const char* const cpu : kernels) {
    Handle context;
    EXPECT(make_context(input, cpu, context) == made, "%s refuses what scalar takes", cpu);
    EXPECT(call.encode(context.get(), threads) == coded, "%s encodes other symbols", cpu);
    const Decoded decoded = call.decode(context.get(), tables.get(), payload, threads);
    EXPECT(decoded.status == LICRT_OK && decoded.y_hat == coded.y_hat, "%s decodes something else", cpu);
    for (size_t i = 0; i < strange.size(); ++i) {
      EXPECT(call.decode(context.get(), tables.get(), strange[i], threads) == outcomes[i], "%s, payload %zu", cpu, i);
    }
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  return mutate_blob(data, size, capacity, seed, kFront, [](Numbers& numbers) {
    ContextShape shape{};
    return random_context(numbers, shape).bytes;
  });
}
