// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "thread_pool.h"

#include <stdexcept>
#include <string>

namespace hma
{
namespace
{
// About as long as sleeping and waking take.
constexpr int kBusyTurns = 2000;

inline void pause()
{
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}
}  // namespace

void Barrier::wait()
{
  const uint32_t now = times_.load(std::memory_order_acquire);
  if (present_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    present_.store(0, std::memory_order_relaxed);
    times_.store(now + 1, std::memory_order_release);
    times_.notify_all();
    return;
  }
  for (int turn = 0; turn < kBusyTurns; ++turn) {
    if (times_.load(std::memory_order_acquire) != now) {
      return;
    }
    pause();
  }
  times_.wait(now, std::memory_order_acquire);
}

ThreadPool::ThreadPool(int members)
: barrier_(members)
{
  if (members < 1) {
    throw std::invalid_argument("threads: got " + std::to_string(members) + ", expected 1 or more");
  }
  try {
    for (int member = 1; member < members; ++member) {
      threads_.emplace_back([this, member] {serve(member);});
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() {stop();}

void ThreadPool::run(const std::function<void(int)> & job)
{
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    busy_ = size() - 1;
    ++jobs_;
  }
  called_.notify_all();
  job(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] {return busy_ == 0;});
}

void ThreadPool::serve(int member)
{
  uint64_t seen = 0;
  for (;; ++seen) {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [&] {return is_over_ || jobs_ > seen;});
    if (is_over_) {
      return;
    }
    lock.unlock();
    (*job_)(member);
    lock.lock();
    if (--busy_ == 0) {
      done_.notify_one();
    }
  }
}

void ThreadPool::stop()
{
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  called_.notify_all();
  for (std::thread & thread : threads_) {
    thread.join();
  }
}

}  // namespace hma
