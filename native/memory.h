// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Arrays aligned to cache lines.
#ifndef MEMORY_H_
#define MEMORY_H_

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace hma
{

// Aligned to a cache line; large arrays to a page, a huge one where the system has them.
template<typename Number>
struct Aligned : std::allocator<Number>
{
  static constexpr size_t kLine = 64, kPage = 1 << 21;
  template<typename Other>
  struct rebind {using other = Aligned<Other>;};

  static std::align_val_t begin(size_t size)
  {
    return std::align_val_t{size < kPage ? kLine : kPage};
  }
  Number * allocate(size_t count)
  {
    const size_t size = count * sizeof(Number);
    void * numbers = ::operator new(size, begin(size));
    if (size >= kPage) {
#ifdef MADV_HUGEPAGE
      // A hint: failure does not matter.
      madvise(numbers, size, MADV_HUGEPAGE);
#endif
    }
    return static_cast<Number *>(numbers);
  }
  void deallocate(Number * numbers, size_t count)
  {
    ::operator delete(numbers, begin(count * sizeof(Number)));
  }
};
template<typename Number>
using Numbers = std::vector<Number, Aligned<Number>>;

}  // namespace hma

#endif  // MEMORY_H_
