// Files from strangers: flat models and streams, as examples/c reads and decodes them. They are refused with a line and
// an exit code, or decoded; every set of kernels does the same, with one thread and with several.
//
// Input: bytes of the model (4), the model, the stream.
#include <cstdlib>
#include <cstring>

#include "blob.h"
#include "blobs.h"
#include "refit.h"

extern "C" {
#include "latents.h"
}

namespace {

using Bytes = std::vector<uint8_t>;
constexpr uint64_t kMostLatents = 1 << 15;
constexpr double kMostCost = 1 << 24;

struct Files {
  Bytes model, stream;

  Files(const uint8_t* data, size_t size) {
    Input input(data, size);
    const size_t length = std::min<size_t>(input.word(), input.left());
    model.assign(input.rest(), input.rest() + length);
    stream.assign(input.rest() + length, input.rest() + input.left());
  }
};

bool refused(const failure& why) {
  EXPECT(why.code == BAD_STREAM || why.code == BAD_MODEL || why.code == BAD_FILE, "%d: %s", why.code, why.message);
  EXPECT(*why.message != '\0' && std::strchr(why.message, '\n') == nullptr, "'%s'", why.message);
  return false;
}

// A stream that is good is so no longer without its last byte, and its header is good without anything else.
bool read(const Bytes& bytes, stream& whole) {
  failure why{};
  if (!stream_read(bytes.data(), bytes.size(), &whole, &why)) return refused(why);
  const uint8_t* place = bytes.data() + whole.header_size;
  for (unsigned i = 0; i < whole.section_count; ++i) {
    EXPECT(whole.sections[i].body == place, "section %u is not where it should be", i);
    place += whole.sections[i].size;
  }
  EXPECT(place == bytes.data() + bytes.size(), "the sections are not the file");
  stream again;
  const Bytes header(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole.header_size));
  EXPECT(stream_read_header(header.data(), header.size(), &again, &why) && again.size == bytes.size(), "%s",
         why.message);
  EXPECT(!stream_read_header(header.data(), header.size() - 1, &again, &why), "a header without its end");
  EXPECT(!stream_read(bytes.data(), bytes.size() - 1, &again, &why), "a stream without its end");
  return true;
}

// Whether decoding is a matter of milliseconds. What is larger is as good, but not to be waited for.
bool is_small(const Bytes& file, const model& model, const stream& stream) {
  const struct latent_size size = latent_size(&model, &stream);
  if (uint64_t{size.height} * size.width * model.latent_channels > kMostLatents) return false;
  if (model.network == nullptr) return true;
  const uint64_t height = size.height / model.hyper_stride + 1, width = size.width / model.hyper_stride + 1;
  const uint32_t network_bytes = load_u32(file.data() + 64), context_bytes = load_u32(file.data() + 68);
  const uint8_t* const network = file.data() + file.size() - 4 - context_bytes - network_bytes;
  return height * width * model.hyper_channels < kMostLatents &&
         cost_of(network, network_bytes, height, width).multiplications < kMostCost;
}

struct Outcome {
  failure why{};
  std::vector<int32_t> y_hat;
  bool operator==(const Outcome& other) const {
    return why.code == other.why.code && !std::strcmp(why.message, other.why.message) && y_hat == other.y_hat;
  }
};

Outcome decode(const model& model, const stream& stream, unsigned threads) {
  Outcome outcome;
  int32_t* y_hat = nullptr;
  if (!latents_decode(&model, &stream, threads, &y_hat, &outcome.why)) {
    refused(outcome.why);
    return outcome;
  }
  const struct latent_size size = latent_size(&model, &stream);
  outcome.y_hat.assign(y_hat, y_hat + size.height * size.width * model.latent_channels);
  std::free(y_hat);
  for (const int32_t value : outcome.y_hat) EXPECT(std::abs(value) <= 1 << 24, "%d", value);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Files files(data, size);
  stream stream;
  const bool readable = read(files.stream, stream);
  Outcome opened, expected;
  const std::vector<const char*> kernels = all_kernels();
  for (const char* const cpu : kernels) {
    const bool first = cpu == kernels[0];
    model model;
    Outcome opening;
    const bool good =
        model_open(files.model.data(), files.model.size(), cpu, &model, &opening.why) || refused(opening.why);
    if (first) opened = opening;
    EXPECT(opening == opened, "%s: '%s' instead of '%s'", cpu, opening.why.message, opened.why.message);
    if (!good) continue;
    if (readable && is_small(files.model, model, stream)) {
      if (first) expected = decode(model, stream, 1);
      EXPECT(decode(model, stream, first ? 3 : 1) == expected, "%s does something else", cpu);
    }
    model_close(&model);
  }
  return 0;
}

// Changes one of the files, and makes its checksums fit more often than not.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  Numbers numbers(seed);
  Files files(data, size);
  const bool is_model = numbers.between(0, 1) == 0;
  Bytes& file = is_model ? files.model : files.stream;
  if (capacity < size + 4) return LLVMFuzzerMutate(data, size, capacity);
  if (file.empty() || numbers.between(0, 1) == 0) {
    const size_t room = file.size() + capacity - size - 4, before = file.size();
    file.resize(room);
    file.resize(LLVMFuzzerMutate(file.data(), before, room));
  } else {
    file = damage(numbers, file);
  }
  if (numbers.between(0, 7) != 0) is_model ? refit_model(file) : refit_stream(file);
  if (4 + files.model.size() + files.stream.size() > capacity) return LLVMFuzzerMutate(data, size, capacity);
  Bytes all(4);
  store_word(all, 0, static_cast<uint32_t>(files.model.size()));
  all.insert(all.end(), files.model.begin(), files.model.end());
  all.insert(all.end(), files.stream.begin(), files.stream.end());
  std::copy(all.begin(), all.end(), data);
  return all.size();
}
