#include "blob.h"

#include "bytes.h"

namespace licrt {

void expect(bool condition, const std::string& message) {
  if (!condition) throw InvalidNetwork(message);
}

uint32_t expect_in(const char* name, uint32_t value, uint32_t low, uint32_t high) {
  if (low <= value && value <= high) return value;
  throw InvalidNetwork(std::string(name) + " is " + std::to_string(value) + ", expected " + std::to_string(low) +
                       " to " + std::to_string(high));
}

uint32_t Reader::word() {
  expect(left_ >= 4, "the blob is cut short");
  const uint32_t value = load_u32(next_);
  skip(4);
  return value;
}

Reader Reader::part(size_t size) {
  expect(left_ >= size, "the blob is cut short");
  const Reader part(next_, size);
  skip(size);
  return part;
}

void Reader::expect_end(const char* what) const {
  expect(left_ == 0, std::string("bytes are left over after ") + what);
}

}  // namespace licrt
