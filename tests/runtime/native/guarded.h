// An array that ends where memory ends, so that reading beyond it is a fault.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>

template <typename T>
class Guarded {
 public:
  // The array begins at a multiple of `alignment`, which may leave fewer bytes than that behind its end.
  explicit Guarded(size_t size, size_t alignment = alignof(T)) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t used = (size * sizeof(T) + page - 1) / page * page;
    bytes_ = used + 2 * page;
    void* const map = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    map_ = static_cast<uint8_t*>(map);
    mprotect(map_, page, PROT_NONE);
    mprotect(map_ + page + used, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(map_ + page + (used - size * sizeof(T)) / alignment * alignment);
  }
  ~Guarded() { munmap(map_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  T& operator[](size_t i) { return data_[i]; }

 private:
  size_t bytes_;
  uint8_t* map_;
  T* data_;
};
