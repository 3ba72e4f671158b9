// Files as somebody may have changed them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "numbers.h"

// Changes some bytes, most of them near the front, where the numbers are that sizes depend on; or the length.
inline std::vector<uint8_t> damage(Numbers& numbers, std::vector<uint8_t> bytes) {
  constexpr uint8_t kValues[] = {0, 1, 2, 3, 4, 8, 127, 128, 255};
  for (int64_t left = numbers.between(1, 3); left > 0; --left) {
    const auto last = static_cast<int64_t>(bytes.size()) - 1;
    const auto at =
        static_cast<size_t>(numbers.between(0, numbers.between(0, 2) == 0 ? last : std::min<int64_t>(last, 200)));
    const bool known = numbers.between(0, 1) == 0;
    bytes[at] = known ? kValues[numbers.between(0, std::size(kValues) - 1)] : static_cast<uint8_t>(numbers.next());
  }
  const int64_t length = numbers.between(0, 19);
  if (length == 0) bytes.resize(static_cast<size_t>(numbers.between(0, static_cast<int64_t>(bytes.size()))));
  if (length == 1) bytes.insert(bytes.end(), static_cast<size_t>(numbers.between(1, 9)), 0);
  return bytes;
}
