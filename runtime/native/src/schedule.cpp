#include "schedule.h"

#include <algorithm>

namespace licrt {
namespace {

// Appends the positions of pass number `pass`; there are pass_count() of them.
void append_pass(Order order, Size size, size_t pass, std::vector<Position>& positions) {
  size_t first_y = 0, end_y = size.height;
  if (order == Order::kWavefront) {  // x + 3 * y = pass
    first_y = pass < size.width ? 0 : (pass - size.width) / 3 + 1;
    end_y = std::min(size.height, pass / 3 + 1);
  }
  for (size_t y = first_y; y < end_y; ++y) {
    size_t x = 0, step = 1, end_x = size.width;
    if (order == Order::kCheckerboard) x = (y + pass) % 2, step = 2;
    if (order == Order::kWavefront) x = pass - 3 * y, end_x = x + 1;
    for (; x < end_x; x += step) positions.push_back({static_cast<uint32_t>(y), static_cast<uint32_t>(x)});
  }
}

size_t pass_count(Order order, Size size) {
  if (order == Order::kWavefront) return size.width + 3 * (size.height - 1);
  return order == Order::kCheckerboard ? 2 : 1;
}

}  // namespace

Schedule make_schedule(Order order, Size size) {
  Schedule schedule;
  std::vector<Position>& positions = schedule.positions;
  positions.reserve(size.height * size.width);
  for (size_t pass = 0; pass < pass_count(order, size); ++pass) {
    const size_t begin = positions.size();
    append_pass(order, size, pass, positions);
    for (size_t first = begin; first < positions.size(); first += kMaxSlice) {
      schedule.slices.push_back({first, std::min(first + kMaxSlice, positions.size()), pass == 0});
    }
  }
  for (size_t number = 0; number < schedule.slices.size(); ++number) {
    std::vector<Batch>& batches = schedule.batches;
    const Slice& slice = schedule.slices[number];
    if (batches.empty() || batches.back().end - batches.back().begin >= kMaxSlice) {
      batches.push_back({number, number, slice.begin, slice.begin});
    }
    batches.back().end_slice = number + 1;
    batches.back().end = slice.end;
  }
  return schedule;
}

}  // namespace licrt
