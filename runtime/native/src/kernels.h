// The inner loops of integer networks, once per instruction set. Every set gives the same numbers: all sums are proved
// to be exact when a network is loaded, so their order is free.
//
// The translation units behind this table are compiled with their own machine options. They include no header of the
// C++ library with inline functions, lest the linker keep a copy of one that other machines cannot run.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace licrt {

inline constexpr unsigned kMaxBlock = 32;      // of Kernels::block
inline constexpr unsigned kMaxPositions = 12;  // of Kernels::positions

// Sums over a window of the input: `rows` rows, `row_step` values apart, of `run` consecutive values each (the taps of
// a kernel row and their channels lie side by side). The input is padded, so that every window lies inside.
struct Window {
  ptrdiff_t row_step;
  unsigned rows;
  unsigned run;  // a multiple of Kernels::pair
};

// What turns a sum of one channel into a value: sat((sum + addend) >> shift, bits), then activation. The addend is the
// bias and the rounding term.
struct Requantisation {
  int64_t addend[kMaxBlock];
  int64_t shift[kMaxBlock];
  int32_t lowest, highest;
  uint32_t activation;  // Activation of network.h
};

struct Kernels {
  const char* name;
  unsigned block;      // output channels that are computed together
  unsigned positions;  // output positions that are computed together
  unsigned pair;       // values of a window whose weights lie side by side: weights[rows * run / pair][block][pair]

  // Where not null: rewrites the `count` weights of a window, so ordered, into what sum32 and accumulate32 of
  // this set read, and may use `tail` more values behind them. Weights of sum64 stay as they are.
  unsigned tail = 0;
  void (*arrange)(int16_t* weights, size_t count) = nullptr;

  // sums[position][channel] = sum over the window at inputs[position] of input * weight.
  void (*sum32)(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums);
  void (*sum64)(const int16_t* const* inputs, const Window& window, const int16_t* weights, int64_t* sums);

  // As sum32 for the first `count` positions, 1 <= count <= positions, added to what their sums hold. The sums of the
  // other positions stay as they are. Null where sum32 and an addition are as good.
  void (*accumulate32)(const int16_t* const* inputs, unsigned count, const Window& window, const int16_t* weights,
                       int32_t* sums) = nullptr;

  // As accumulate32 with weights of 8 bits, in the same order: half the memory to read, for a little more work. Null
  // where that is no gain.
  void (*accumulate8)(const int16_t* const* inputs, unsigned count, const Window& window, const int8_t* weights,
                      int32_t* sums) = nullptr;

  // values[position][channel]
  void (*requantise32)(const int32_t* sums, const Requantisation& how, int32_t* values);
  void (*requantise64)(const int64_t* sums, const Requantisation& how, int32_t* values);

  // indexes[position][channel] = #{t : sums[position][channel] >= thresholds[t][channel]}; 64-byte alignment throughout
  void (*count32)(const int32_t* sums, const int32_t* thresholds, unsigned count, int32_t* indexes);
  void (*count64)(const int64_t* sums, const int64_t* thresholds, unsigned count, int32_t* indexes);
};

extern const Kernels kScalarKernels;

}  // namespace licrt
