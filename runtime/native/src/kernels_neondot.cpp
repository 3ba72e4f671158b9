// sdot of ARMv8.2: 16 products of 8 bits, added to 4 accumulators in one instruction, which most processors run twice
// as often as smlal with its 4. Numbers of 16 bits are taken apart,
//
//   input  = 256 * high + low + 128    high, low in -128...127, for every 16 bits
//   weight = 256 * high + low          likewise, for weights up to 32639; high is 0 for those of 8 bits
//
// and the products of the parts summed one after the other, by Horner's rule in 256: two sums for weights of 8 bits,
// four for others. All of it is arithmetic modulo 2^32, so it gives the exact sum, which is proved to fit 32 bits.
#include "kernels_smlal.h"

namespace licrt {
namespace {

constexpr unsigned kPair = 4;
constexpr unsigned kGroup = kPair * kBlock;  // weights side by side

enum Form : int32_t { kOnePlane, kTwoPlanes, kWhole };

// What arrange() leaves after the weights.
struct Tail {
  uint32_t constant[kBlock];  // 128 * sum of the channel's weights
  Form form;
};
constexpr unsigned kTail = 2 * kGroup;  // in units of 16 bits; keeps planes on cache lines
static_assert(sizeof(Tail) <= kTail * sizeof(int16_t));

int low_part(int weight) { return static_cast<int8_t>(weight & 0xff); }
int high_part(int weight) { return (weight - low_part(weight)) / 256; }

Form choose_form(const int16_t* weights, size_t count) {
  Form form = kOnePlane;
  for (size_t i = 0; i < count; ++i) {
    if (high_part(weights[i]) > INT8_MAX) return kWhole;
    if (high_part(weights[i]) != 0) form = kTwoPlanes;
  }
  return form;
}

// Into the order of accumulate_smlal: from [channel][k] to [k][channel] in each group.
void transpose(int16_t* weights, size_t count) {
  for (int16_t* group = weights; group < weights + count; group += kGroup) {
    int16_t old[kGroup];
    __builtin_memcpy(old, group, sizeof old);
    for (unsigned i = 0; i < kGroup; ++i) group[i] = old[i % kBlock * kPair + i / kBlock];
  }
}

// Two planes are the low parts of a group, then the high parts, in place of its weights of 16 bits. One plane is half
// as long.
void arrange(int16_t* weights, size_t count) {
  Tail tail{};
  tail.form = choose_form(weights, count);
  for (size_t i = 0; i < count; ++i) tail.constant[i % kGroup / kPair] += 128u * static_cast<uint32_t>(weights[i]);
  if (tail.form == kWhole) {
    transpose(weights, count);
  } else {
    const unsigned step = tail.form == kTwoPlanes ? 2 * kGroup : kGroup;
    auto* plane = reinterpret_cast<unsigned char*>(weights);
    for (size_t first = 0; first < count; first += kGroup, plane += step) {
      int16_t group[kGroup];
      __builtin_memcpy(group, weights + first, sizeof group);
      for (unsigned i = 0; i < kGroup; ++i) plane[i] = static_cast<unsigned char>(low_part(group[i]));
      if (tail.form == kOnePlane) continue;
      for (unsigned i = 0; i < kGroup; ++i) plane[kGroup + i] = static_cast<unsigned char>(high_part(group[i]));
    }
  }
  __builtin_memcpy(weights + count, &tail, sizeof tail);
}

enum class Part { kLow, kHigh };

// One part of 16 inputs.
template <Part part>
[[gnu::always_inline]] inline int8x16_t take(int16x8_t first, int16x8_t second) {
  const int8x16_t a = vreinterpretq_s8_s16(first), b = vreinterpretq_s8_s16(second);
  if constexpr (part == Part::kHigh) return vuzp2q_s8(a, b);
  return veorq_s8(vuzp1q_s8(a, b), vdupq_n_s8(INT8_MIN));
}

// Adds the products of 4 inputs of every position, number 4 * lane and up of `values`, with a group of weights.
template <int lane, unsigned count>
[[gnu::always_inline]] inline void add_group(Accumulators<count>& acc, const int8x16_t* values,
                                             const unsigned char* group) {
#pragma GCC unroll 4
  for (unsigned part = 0; part < kBlock / 4; ++part) {
    const int8x16_t weights = vld1q_s8(reinterpret_cast<const int8_t*>(group) + 16 * part);
#pragma GCC unroll 4
    for (unsigned position = 0; position < count; ++position) {
      acc[position][part] = vdotq_laneq_s32(acc[position][part], weights, values[position], lane);
    }
  }
}

// Adds a plane times one part of the inputs; groups of the plane are `step` bytes apart.
template <Part part, unsigned count>
[[gnu::always_inline]] inline void add_plane(Accumulators<count>& acc, const int16_t* const* inputs,
                                             const Window& window, const unsigned char* group, unsigned step) {
  for (unsigned row = 0; row < window.rows; ++row) {
    const int16_t* input[count];
    begin_row<count>(inputs, window, row, input);
    int8x16_t values[count];
    unsigned k = 0;
    for (; k + 16 <= window.run; k += 16, group += 4 * step) {
      for (unsigned position = 0; position < count; ++position) {
        values[position] = take<part>(vld1q_s16(input[position] + k), vld1q_s16(input[position] + k + 8));
      }
      add_group<0, count>(acc, values, group);
      add_group<1, count>(acc, values, group + step);
      add_group<2, count>(acc, values, group + 2 * step);
      add_group<3, count>(acc, values, group + 3 * step);
    }
    for (; k < window.run; k += 4, group += step) {
      for (unsigned position = 0; position < count; ++position) {
        const int16x4_t four = vld1_s16(input[position] + k);
        values[position] = take<part>(vcombine_s16(four, four), vcombine_s16(four, four));
      }
      add_group<0, count>(acc, values, group);
    }
  }
}

template <unsigned count>
[[gnu::always_inline]] inline void times_256(Accumulators<count>& acc) {
  for (auto& position : acc) {
    for (int32x4_t& sums : position) sums = vshlq_n_s32(sums, 8);
  }
}

template <unsigned count>
void accumulate_sdot(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  Tail tail;
  __builtin_memcpy(&tail, weights + size_t{window.rows} * window.run * kBlock, sizeof tail);
  if (tail.form == kWhole) return accumulate_smlal<count>(inputs, window, weights, sums);
  const auto* const low = reinterpret_cast<const unsigned char*>(weights);
  const unsigned step = tail.form == kTwoPlanes ? 2 * kGroup : kGroup;
  Accumulators<count> acc = {};
  if (tail.form == kTwoPlanes) {
    const unsigned char* const high = low + kGroup;
    add_plane<Part::kHigh, count>(acc, inputs, window, high, step);
    times_256<count>(acc);
    add_plane<Part::kLow, count>(acc, inputs, window, high, step);
  }
  add_plane<Part::kHigh, count>(acc, inputs, window, low, step);
  times_256<count>(acc);
  add_plane<Part::kLow, count>(acc, inputs, window, low, step);
  for (unsigned i = 0; i < count * kBlock; i += 4) {
    const uint32x4_t rest =
        vaddq_u32(vreinterpretq_u32_s32(vld1q_s32(sums + i)), vld1q_u32(tail.constant + i % kBlock));
    const uint32x4_t sum = vaddq_u32(vreinterpretq_u32_s32(acc[i / kBlock][i % kBlock / 4]), rest);
    vst1q_s32(sums + i, vreinterpretq_s32_u32(sum));
  }
}

void accumulate32_neondot(const int16_t* const* inputs, unsigned count, const Window& window, const int16_t* weights,
                          int32_t* sums) {
  with_count<kPositions>(count, [&]<unsigned n>() { accumulate_sdot<n>(inputs, window, weights, sums); });
}

void sum32_neondot(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums) {
  __builtin_memset(sums, 0, kPositions * kBlock * sizeof *sums);
  accumulate_sdot<kPositions>(inputs, window, weights, sums);
}

}  // namespace

extern const Kernels kNeonDotKernels;
const Kernels kNeonDotKernels = {
    .name = "neondot",
    .block = kBlock,
    .positions = kPositions,
    .pair = kPair,
    .tail = kTail,
    .arrange = arrange,
    .sum32 = sum32_neondot,
    .sum64 = sum_window<int64_t, kBlock, kPositions, kPair>,
    .accumulate32 = accumulate32_neondot,
    .requantise32 = requantise<int32_t, kBlock, kPositions>,
    .requantise64 = requantise<int64_t, kBlock, kPositions>,
    .count32 = count_thresholds<int32_t, kBlock, kPositions, 16>,
    .count64 = count_thresholds<int64_t, kBlock, kPositions, 16>,
};

}  // namespace licrt
