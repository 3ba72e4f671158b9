// The order in which the positions of a group are coded (docs/integer-net.md, section 7), cut into slices.
#pragma once

#include <cstdint>
#include <vector>

#include "context_model.h"
#include "image.h"

namespace licrt {

// Positions of one slice at most, unless a batch says otherwise: enough to keep all threads busy, few enough that what
// is known of them stays in a cache.
inline constexpr size_t kMaxSlice = 256;

struct Position {
  uint32_t y, x;
};

// Consecutive positions of one pass, so that none of them is read by another.
struct Slice {
  size_t begin, end;
  bool first_pass;
};

// Consecutive slices whose known features are summed in one go.
struct Batch {
  size_t first_slice, end_slice;
  size_t begin, end;  // positions
};

struct Schedule {
  std::vector<Position> positions;  // in coding order
  std::vector<Slice> slices;        // without gaps
  std::vector<Batch> batches;       // without gaps, of fewer than 2 * kMaxSlice positions
};

Schedule make_schedule(Order order, Size size);

}  // namespace licrt
