// Random numbers that are the same on every machine (Steele, Lea and Flood's SplitMix64, 2014), and a failing check.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  // Uniform in low...high, both included, up to a bias of no importance here.
  int64_t between(int64_t low, int64_t high) {
    const uint64_t count = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1;
    return static_cast<int64_t>(static_cast<uint64_t>(low) + (count == 0 ? next() : next() % count));
  }

  // Of any magnitude below 2^bits, with the largest ones every so often.
  int64_t signed_bits(unsigned bits) {
    const int64_t limit = (int64_t{1} << bits) - 1;
    const int64_t kind = between(0, 9);
    if (kind < 2) return kind == 0 ? limit : -limit;
    const int64_t smaller = (int64_t{1} << between(0, bits)) - 1;
    return between(-smaller, smaller);
  }

 private:
  uint64_t state_;
};

#define EXPECT(condition, ...)                                          \
  do {                                                                  \
    if (!(condition)) {                                                 \
      std::printf("%s:%d: %s fails: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                         \
      std::puts("");                                                    \
      std::fflush(stdout); /* libFuzzer does not */                     \
      std::exit(1);                                                     \
    }                                                                   \
  } while (false)
