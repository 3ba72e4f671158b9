// The inner loops of integer networks, once per instruction set. Every set gives the same numbers: all sums are proved
// to be exact when a network is loaded, so their order is free.
//
// The translation units behind this table are compiled with their own machine options. They include no header of the
// C++ library with inline functions, lest the linker keep a copy of one that other machines cannot run.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace licrt {

inline constexpr unsigned kBlock = 16;         // output channels that are computed together
inline constexpr unsigned kMaxPositions = 16;  // output positions that are computed together, at most

// Sums over a window of the input: `rows` rows, `row_step` values apart, of `run` consecutive values each (the taps of
// a kernel row and their channels lie side by side). The input is padded, so that every window lies inside.
struct Window {
  ptrdiff_t row_step;
  unsigned rows;
  unsigned run;  // a multiple of Kernels::pair
};

// What turns an accumulator of one channel into a value: sat((acc + (1 << (shift - 1))) >> shift, bits), then
// activation.
struct Requantisation {
  int64_t rounding[kBlock];
  int64_t shift[kBlock];
  int32_t lowest, highest;
  uint32_t activation;  // Activation of network.h
};

struct Kernels {
  const char* name;
  unsigned positions;  // per call, at most kMaxPositions
  unsigned pair;  // consecutive values of a window whose weights lie side by side: weights[run / pair][kBlock][pair]

  // sums[position][channel] = sum over the window at inputs[position] of input * weight.
  void (*sum32)(const int16_t* const* inputs, const Window& window, const int16_t* weights, int32_t* sums);
  void (*sum64)(const int16_t* const* inputs, const Window& window, const int16_t* weights, int64_t* sums);

  // values[position][channel]
  void (*requantise32)(const int32_t* acc, const Requantisation& how, int32_t* values);
  void (*requantise64)(const int64_t* acc, const Requantisation& how, int32_t* values);

  // indexes[position][channel] = #{t : acc[position][channel] >= thresholds[t][channel]}
  void (*count32)(const int32_t* acc, const int32_t* thresholds, unsigned count, int32_t* indexes);
  void (*count64)(const int64_t* acc, const int64_t* thresholds, unsigned count, int32_t* indexes);
};

extern const Kernels kScalarKernels;

}  // namespace licrt
