// Every set of kernels that this machine has, function by function against the definition, up to the very limits of the
// overflow proof.
#include <algorithm>
#include <vector>

#include "cpu.h"
#include "guarded.h"
#include "kernels.h"
#include "numbers.h"

namespace {

using licrt::Kernels;

constexpr size_t kCacheLine = 64;

// A window, and weights[channel][row][k] such that no sum of inputs of `bits` can leave the accumulator.
struct Case {
  unsigned rows, run, bits;
  std::vector<std::vector<int>> weights;
};

// Weights of all magnitudes, the largest first, until the proof allows no more. The last one goes to the limit.
std::vector<int> make_channel(Numbers& numbers, size_t count, int largest, int64_t budget) {
  std::vector<int> weights(count);
  const int64_t kind = numbers.between(0, 3);
  for (size_t i = 0; i < count && budget > 0; ++i) {
    int64_t weight = kind < 2 ? largest : numbers.between(1, largest);
    weight = std::min(weight, budget);
    budget -= weight;
    weights[i] = static_cast<int>(kind == 0 || numbers.between(0, 1) == 0 ? weight : -weight);
  }
  for (size_t i = count; i > 1; --i) std::swap(weights[i - 1], weights[numbers.next() % i]);
  return weights;
}

Case make_case(Numbers& numbers, unsigned block, bool wide) {
  constexpr int kLargest[] = {1, 127, 128, 2047, 32639, 32640, 32767};
  Case made{};
  made.rows = static_cast<unsigned>(numbers.between(0, 5));
  made.run = static_cast<unsigned>(numbers.between(1, numbers.between(0, 3) == 0 ? 300 : 40));
  made.bits = static_cast<unsigned>(numbers.between(2, 16));
  const int largest = kLargest[numbers.between(0, std::size(kLargest) - 1)];
  const int64_t budget = wide ? INT64_MAX : INT32_MAX >> (made.bits - 1);
  for (unsigned channel = 0; channel < block; ++channel) {
    made.weights.push_back(make_channel(numbers, size_t{made.rows} * made.run, largest, budget));
  }
  return made;
}

// Inputs that make the sum of one channel as large or as small as can be, or just any.
int16_t make_input(Numbers& numbers, int64_t kind, int weight, unsigned bits) {
  const int lowest = -(1 << (bits - 1)), highest = -lowest - 1;
  if (kind == 0) return static_cast<int16_t>(lowest);
  if (kind == 1) return static_cast<int16_t>(weight < 0 ? lowest : highest);
  if (kind == 2) return static_cast<int16_t>(weight < 0 ? highest : lowest);
  return static_cast<int16_t>(numbers.between(lowest, highest));
}

template <typename Acc>
void check_sums(Numbers& numbers, const Kernels& kernels) {
  const bool wide = sizeof(Acc) == 8;
  const Case made = make_case(numbers, kernels.block, wide);
  const unsigned run = (made.run + kernels.pair - 1) / kernels.pair * kernels.pair;
  const size_t count = size_t{made.rows} * run * kernels.block;

  Guarded<int16_t> weights(count + (wide ? 0 : kernels.tail), kCacheLine);
  for (unsigned channel = 0; channel < kernels.block; ++channel) {
    for (unsigned i = 0; i < made.rows * made.run; ++i) {
      const size_t k = size_t{i / made.run} * run + i % made.run;
      weights[(k / kernels.pair * kernels.block + channel) * kernels.pair + k % kernels.pair] =
          static_cast<int16_t>(made.weights[channel][i]);
    }
  }
  if (!wide && kernels.arrange != nullptr) kernels.arrange(weights.data(), count);

  // Each position has an array of its own, whose last row ends at the array's end. What a run is padded with counts
  // for nothing, having weight 0.
  const size_t row_step = run + static_cast<size_t>(numbers.between(0, 9));
  const size_t size = made.rows == 0 ? 0 : (made.rows - 1) * row_step + run;
  std::vector<Guarded<int16_t>*> arrays;
  const int16_t* inputs[licrt::kMaxPositions];
  for (unsigned position = 0; position < kernels.positions; ++position) {
    auto* const array = new Guarded<int16_t>(size);
    const int64_t kind = numbers.between(0, 4);
    const auto channel = static_cast<size_t>(numbers.between(0, kernels.block - 1));
    for (size_t i = 0; i < size; ++i) {
      const size_t row = i / row_step, k = i % row_step;
      const int weight = k < made.run ? made.weights[channel][row * made.run + k] : 0;
      (*array)[i] = make_input(numbers, kind, weight, made.bits);
    }
    arrays.push_back(array);
    inputs[position] = array->data();
  }

  const size_t tile = size_t{kernels.positions} * kernels.block;
  std::vector<int64_t> expected(tile), held(tile);
  for (size_t i = 0; i < tile; ++i) {
    const std::vector<int>& channel = made.weights[i % kernels.block];
    for (unsigned k = 0; k < made.rows * made.run; ++k) {
      expected[i] += int64_t{channel[k]} * inputs[i / kernels.block][k / made.run * row_step + k % made.run];
    }
  }

  Guarded<Acc> sums(tile, kCacheLine);
  unsigned count_used = kernels.positions;
  const licrt::Window window{static_cast<ptrdiff_t>(row_step), made.rows, run};
  if constexpr (sizeof(Acc) == 8) {
    kernels.sum64(inputs, window, weights.data(), sums.data());
  } else if (kernels.accumulate32 != nullptr && numbers.between(0, 1) == 0) {
    count_used = static_cast<unsigned>(numbers.between(1, kernels.positions));
    for (size_t i = 0; i < tile; ++i) {  // sums hold what the proof leaves to them
      int64_t room = INT32_MAX;
      for (const int weight : made.weights[i % kernels.block])
        room -= std::abs(weight) * (int64_t{1} << (made.bits - 1));
      held[i] = numbers.between(-room, room);
      sums[i] = static_cast<Acc>(held[i]);
    }
    Guarded<int8_t> narrow(count, kCacheLine / 2);
    bool fits = kernels.accumulate8 != nullptr;
    for (size_t i = 0; i < count; ++i) {
      narrow[i] = static_cast<int8_t>(weights[i]);
      fits = fits && narrow[i] == weights[i];
    }
    if (fits && numbers.between(0, 1) == 0) {
      kernels.accumulate8(inputs, count_used, window, narrow.data(), sums.data());
    } else {
      kernels.accumulate32(inputs, count_used, window, weights.data(), sums.data());
    }
  } else {
    kernels.sum32(inputs, window, weights.data(), sums.data());
  }
  for (size_t i = 0; i < held.size(); ++i) {
    const int64_t sum = held[i] + (i / kernels.block < count_used ? expected[i] : 0), found = sums[i];
    EXPECT(found == sum, "%s: %u x %u values of %u bits, %u positions, sum %zu: %lld, expected %lld", kernels.name,
           made.rows, made.run, made.bits, count_used, i, static_cast<long long>(found), static_cast<long long>(sum));
  }
  for (Guarded<int16_t>* array : arrays) delete array;
}

template <typename Acc>
void check_requantisation(Numbers& numbers, const Kernels& kernels) {
  constexpr unsigned kBits = 8 * sizeof(Acc);
  const size_t size = size_t{kernels.positions} * kernels.block;
  licrt::Requantisation how{};
  how.activation = static_cast<uint32_t>(numbers.between(0, 2));
  const auto bits = static_cast<unsigned>(numbers.between(2, how.activation == 0 ? 24 : 16));
  how.lowest = -(1 << (bits - 1));
  how.highest = (1 << (bits - 1)) - 1;
  for (unsigned channel = 0; channel < kernels.block; ++channel) {
    how.shift[channel] = numbers.between(1, kBits - 2);
    const int64_t bias = numbers.signed_bits(kBits == 32 ? 30 : 31);
    how.addend[channel] = bias / 2 + (int64_t{1} << (how.shift[channel] - 1));
  }
  Guarded<Acc> sums(size, kCacheLine);
  for (size_t i = 0; i < size; ++i) {  // the proof keeps sum + addend inside
    const int64_t room = static_cast<int64_t>(~uint64_t{0} >> (65 - kBits)) - std::abs(how.addend[i % kernels.block]);
    sums[i] = static_cast<Acc>(std::clamp(numbers.signed_bits(kBits - 2) * 2, -room, room));
  }
  Guarded<int32_t> values(size, kCacheLine);
  if constexpr (sizeof(Acc) == 8) {
    kernels.requantise64(sums.data(), how, values.data());
  } else {
    kernels.requantise32(sums.data(), how, values.data());
  }
  for (size_t i = 0; i < size; ++i) {
    const size_t channel = i % kernels.block;
    int64_t expected = (int64_t{sums[i]} + how.addend[channel]) >> how.shift[channel];
    expected = std::clamp<int64_t>(expected, how.lowest, how.highest);
    if (how.activation == 1) expected = std::max<int64_t>(expected, 0);
    if (how.activation == 2 && expected < 0) expected = (41 * expected + 2048) >> 12;
    EXPECT(values[i] == expected, "%s, %u bits, value %zu: %d, expected %lld", kernels.name, kBits, i, values[i],
           static_cast<long long>(expected));
  }
}

template <typename Acc>
void check_counts(Numbers& numbers, const Kernels& kernels) {
  constexpr unsigned kBits = 8 * sizeof(Acc) - 1;
  const size_t size = size_t{kernels.positions} * kernels.block;
  const auto count = static_cast<unsigned>(numbers.between(1, 255));
  Guarded<Acc> sums(size, kCacheLine), thresholds(size_t{count} * kernels.block, kCacheLine);
  const unsigned bits = numbers.between(0, 1) == 0 ? kBits - 1 : 5;  // few bits: many ties
  for (size_t i = 0; i < size; ++i) sums[i] = static_cast<Acc>(numbers.signed_bits(bits));
  for (size_t i = 0; i < count * size_t{kernels.block}; ++i) {
    const bool extreme = numbers.between(0, 19) == 0;
    const auto lowest = static_cast<Acc>(int64_t{-1} * (int64_t{1} << (kBits - 1)) * 2);
    thresholds[i] = extreme ? (numbers.between(0, 1) == 0 ? lowest : static_cast<Acc>(~lowest))
                            : static_cast<Acc>(numbers.signed_bits(bits));
  }
  Guarded<int32_t> indexes(size, kCacheLine);
  if constexpr (sizeof(Acc) == 8) {
    kernels.count64(sums.data(), thresholds.data(), count, indexes.data());
  } else {
    kernels.count32(sums.data(), thresholds.data(), count, indexes.data());
  }
  for (size_t i = 0; i < size; ++i) {
    int32_t expected = 0;
    for (unsigned t = 0; t < count; ++t) expected += sums[i] >= thresholds[t * kernels.block + i % kernels.block];
    EXPECT(indexes[i] == expected, "%s, %u bits: %d, expected %d", kernels.name, kBits + 1, indexes[i], expected);
  }
}

}  // namespace

int main() {
  for (const Kernels* kernels : licrt::available_kernels()) {
    Numbers numbers(20);
    for (int round = 0; round < 500; ++round) {
      check_sums<int32_t>(numbers, *kernels);
      check_sums<int64_t>(numbers, *kernels);
      check_requantisation<int32_t>(numbers, *kernels);
      check_requantisation<int64_t>(numbers, *kernels);
      check_counts<int32_t>(numbers, *kernels);
      check_counts<int64_t>(numbers, *kernels);
    }
    std::printf("%s ", kernels->name);
  }
  std::puts("ok");
}
