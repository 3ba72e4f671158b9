#include "team.h"

#include <algorithm>
#include <exception>

namespace licrt {
namespace {

// The loops of a context model follow one another within some ten microseconds: shorter than a thread needs to fall
// asleep and wake. A machine with more threads than processors gets them back after a moment.
constexpr unsigned kSpins = 1000;
constexpr unsigned kYields = 50;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once `value` is no longer `old`.
void wait_while(const std::atomic<uint32_t>& value, uint32_t old) {
  for (unsigned i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  for (unsigned i = 0; i < kYields; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    std::this_thread::yield();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(unsigned threads) : ranges_(std::clamp(threads, 1u, kMaxThreads)) {
  helpers_.reserve(ranges_.size() - 1);
  try {
    for (unsigned number = 1; number < ranges_.size(); ++number) helpers_.emplace_back([=, this] { help(number); });
  } catch (const std::exception&) {  // no thread or no memory to be had: the others do its share
  }
}

Team::~Team() {
  ended_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

// The numbers fit 32 bits: a body stands for many bytes of an array.
void Team::publish(size_t count, const void* context, Call call) {
  context_ = context;
  call_ = call;
  left_.store(static_cast<uint32_t>(count), std::memory_order_relaxed);
  const size_t threads = helpers_.size() + 1;
  for (size_t number = 0; number < threads; ++number) {
    const uint64_t begin = count * number / threads, end = count * (number + 1) / threads;
    ranges_[number].rest.store(end << 32 | begin, std::memory_order_release);
  }
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  work(0);
  for (uint32_t left; (left = left_.load(std::memory_order_acquire)) != 0;) wait_while(left_, left);
}

void Team::help(unsigned number) {
  for (uint32_t round = 0;;) {
    wait_while(round_, round);
    round = round_.load(std::memory_order_acquire);
    if (ended_.load(std::memory_order_relaxed)) return;
    work(number);
  }
}

// A number taken from a range belongs to the round that is going on, even for a thread that comes late: a round ends
// only when all its numbers are taken and done, and its range, context and call are written before the range.
void Team::work(unsigned number) {
  const size_t threads = ranges_.size();
  for (size_t turn = 0; turn < threads; ++turn) {
    std::atomic<uint64_t>& rest = ranges_[(number + turn) % threads].rest;
    while (true) {
      uint64_t range = rest.load(std::memory_order_relaxed);
      if (static_cast<uint32_t>(range) >= range >> 32) break;
      range = rest.fetch_add(1, std::memory_order_acquire);
      if (static_cast<uint32_t>(range) >= range >> 32) break;
      call_(context_, static_cast<uint32_t>(range));
      if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
    }
  }
}

}  // namespace licrt
