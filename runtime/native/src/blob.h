// Reading the blobs of docs/integer-net.md: little-endian words and padded arrays, checked before memory is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace licrt {

// Why a blob is refused, in one line.
struct InvalidNetwork : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws InvalidNetwork(message) unless `condition`.
void expect(bool condition, const std::string& message);

// `value`, which has to be in low...high.
uint32_t expect_in(const char* name, uint32_t value, uint32_t low, uint32_t high);

class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : next_(bytes), left_(size) {}

  uint32_t word();

  // The next `size` bytes as a blob of their own.
  Reader part(size_t size);

  // An array of `count` integers of sizeof(Stored) bytes, and its padding. REQUIRES: count <= 2^58.
  template <typename Stored, typename Value = Stored>
  std::vector<Value> array(uint64_t count) {
    const uint64_t padded = (count * sizeof(Stored) + 3) / 4 * 4;
    expect(left_ >= padded, "the blob is cut short");
    std::vector<Value> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<Value>(static_cast<Stored>(load<sizeof(Stored)>(i)));
    for (uint64_t i = count * sizeof(Stored); i < padded; ++i) expect(next_[i] == 0, "padding is not zero");
    skip(padded);
    return values;
  }

  // Throws InvalidNetwork where bytes are left over after `what`.
  void expect_end(const char* what) const;

 private:
  template <size_t size>
  uint64_t load(size_t i) const {
    uint64_t value = 0;
    for (size_t byte = 0; byte < size; ++byte) value |= uint64_t{next_[i * size + byte]} << (8 * byte);
    return value;
  }

  void skip(uint64_t size) {
    next_ += size;
    left_ -= size;
  }

  const uint8_t* next_;
  uint64_t left_;
};

}  // namespace licrt
