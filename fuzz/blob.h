// What the targets of networks and context models share.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "damage.h"
#include "input.h"
#include "licrt.h"
#include "numbers.h"

// The kernels of this machine; "scalar" is the first.
inline std::vector<const char*> all_kernels() {
  std::vector<const char*> names;
  while (const char* const name = licrt_kernels(names.size())) names.push_back(name);
  return names;
}

struct Made {
  licrt_status status;
  std::string reason;
  bool operator==(const Made& other) const { return status == other.status && reason == other.reason; }
};

// Makes a handle of a blob, which is refused with a line that says why.
template <typename Create>
Made make(Create create) {
  char reason[256] = "?";
  const Made made{create(reason, sizeof reason), reason};
  EXPECT(made.status == LICRT_OK || made.status == LICRT_INVALID_NETWORK, "%s", licrt_status_message(made.status));
  EXPECT(made.reason.empty() == (made.status == LICRT_OK), "%d: '%s'", made.status, reason);
  EXPECT(std::strchr(reason, '\n') == nullptr, "'%s'", reason);
  return made;
}

struct Cost {
  double multiplications, positions;  // of all layers; of the largest map
};

// What running a network takes for an input of a size. REQUIRES: a blob that was accepted.
inline Cost cost_of(const uint8_t* blob, size_t size, size_t height, size_t width) {
  Input input(blob, size);
  const auto skip = [&](uint64_t bytes) {
    for (uint64_t i = (bytes + 3) / 4; i > 0; --i) input.word();
  };
  skip(8);
  const uint32_t layers = input.word(), channels = input.word();
  skip(8 + uint64_t{4} * channels);
  Cost cost{0, 0};
  for (uint32_t layer = 0; layer < layers; ++layer) {
    uint32_t fields[10];
    for (uint32_t& field : fields) field = input.word();
    skip(12);
    const uint64_t kind = fields[0], in = fields[1], out = fields[2], kernel_h = fields[3], kernel_w = fields[4];
    const uint64_t stride = fields[5], padding = fields[6], output_padding = fields[7], upscale = fields[8];
    const auto side = [&](uint64_t n, uint64_t kernel) {
      if (kind == 1) return (n - 1) * stride + kernel + output_padding - 2 * padding;
      return ((n + 2 * padding - kernel) / stride + 1) * upscale;
    };
    const auto before = static_cast<double>(height * width);
    height = side(height, kernel_h);
    width = side(width, kernel_w);
    const auto after = static_cast<double>(height * width);
    const uint64_t weights = in * out * kernel_h * kernel_w;
    cost.positions = std::max(cost.positions, after);
    cost.multiplications += std::max(before, after) * static_cast<double>(weights + 64 * (in + out));
    skip(weights * fields[9] / 8);
    skip(4 * out);
    skip(out);
  }
  return cost;
}

// One word becomes as large as there is, or of any size: biases, thresholds and shifts are words.
inline std::vector<uint8_t> with_extreme_word(Numbers& numbers, std::vector<uint8_t> blob) {
  if (blob.size() < 4) return blob;
  const auto place = static_cast<size_t>(numbers.between(0, static_cast<int64_t>(blob.size() / 4) - 1));
  const auto word = static_cast<uint32_t>(numbers.signed_bits(31));
  for (size_t i = 0; i < 4; ++i) blob[4 * place + i] = static_cast<uint8_t>(word >> (8 * i));
  return blob;
}

// Mutates what is behind a header of `front` bytes: now and then something new takes its place.
template <typename Fresh>
size_t mutate_blob(uint8_t* data, size_t size, size_t capacity, unsigned seed, size_t front, Fresh fresh) {
  Numbers numbers(seed);
  const int64_t how = numbers.between(0, 9);
  if (capacity < front || how > 5 || (how > 1 && size <= front)) return LLVMFuzzerMutate(data, size, capacity);
  while (size < front) data[size++] = static_cast<uint8_t>(numbers.next());
  std::vector<uint8_t> blob(data + front, data + size);
  if (how < 2) blob = fresh(numbers);
  if (how == 2 || how == 3) blob = damage(numbers, blob);
  if (how > 3) blob = with_extreme_word(numbers, blob);
  if (blob.size() > capacity - front) return LLVMFuzzerMutate(data, size, capacity);
  std::copy(blob.begin(), blob.end(), data + front);
  return front + blob.size();
}
