// Threads that live as long as one call and share out its loops.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace licrt {

inline constexpr unsigned kMaxThreads = 256;

class Team {
 public:
  // At most `threads` threads, the caller's included; fewer where the system has no more to give.
  explicit Team(unsigned threads);
  ~Team();

  // Calls body(i) once for every i < count and returns when all have returned. Every thread begins with a range of its
  // own, always the same one for a given count, so that what it reads stays in its cache; one that is done takes from
  // the others, so that none that sleeps is waited for unless it sleeps within a body. Bodies must not throw.
  template <typename Body>
  void each(size_t count, const Body& body) {
    if (helpers_.empty() || count < 2) {
      for (size_t i = 0; i < count; ++i) body(i);
      return;
    }
    publish(count, &body, [](const void* context, size_t i) { (*static_cast<const Body*>(context))(i); });
  }

 private:
  using Call = void (*)(const void* context, size_t i);

  // The rest of a thread's range: the next number in the lower half, the end in the upper one.
  struct alignas(64) Range {
    std::atomic<uint64_t> rest = 0;
  };

  void publish(size_t count, const void* context, Call call);
  void help(unsigned number);
  void work(unsigned number);

  std::vector<Range> ranges_;  // [thread]
  const void* context_ = nullptr;
  Call call_ = nullptr;
  alignas(64) std::atomic<uint32_t> left_ = 0;   // bodies that have not returned
  alignas(64) std::atomic<uint32_t> round_ = 0;  // a new value: there is work, or the end
  std::atomic<bool> ended_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace licrt
