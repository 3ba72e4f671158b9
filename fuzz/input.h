// A fuzzer's input as numbers, taken from the front; zeros once it is used up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

class Input {
 public:
  Input(const uint8_t* data, size_t size) : next_(data), left_(size) {}

  uint32_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *next_++;
  }

  uint32_t word() {
    uint32_t value = 0;
    for (int shift = 0; shift < 32; shift += 8) value |= byte() << shift;
    return value;
  }

  // One byte's worth of low...high, both included. REQUIRES: high - low < 256.
  uint32_t between(uint32_t low, uint32_t high) { return low + byte() % (high - low + 1); }

  // 1, 2 or 4.
  unsigned lanes() { return 1u << between(0, 2); }

  // What is left. It ends where the input ends, so that a sanitiser sees who reads on.
  const uint8_t* rest() const { return next_; }
  size_t left() const { return left_; }

 private:
  const uint8_t* next_;
  size_t left_;
};

// What libFuzzer calls, and what it has to offer (https://llvm.org/docs/LibFuzzer.html).
extern "C" {
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t capacity);
}
