// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// A thread pool whose threads run one job together.
#ifndef THREAD_POOL_H_
#define THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hma
{

// Spins briefly, then sleeps: the others are about to arrive, or have no core.
class Barrier
{
public:
  explicit Barrier(int members) : members_(members) {}
  void wait();

private:
  const int members_;
  std::atomic<int> present_{0};
  std::atomic<uint32_t> times_{0};
};

// Where the share of a thread, or a block, begins: items are distributed evenly.
inline int begin_of(int things, int index, int shares)
{
  return static_cast<int>(static_cast<int64_t>(things) * index / shares);
}

// Threads sleep between jobs.
class ThreadPool
{
public:
  // Starts members - 1 threads; the caller of `run` is the first. Throws if members < 1 or no
  // thread can be started.
  explicit ThreadPool(int members);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool & operator=(const ThreadPool &) = delete;

  int size() const {return static_cast<int>(threads_.size()) + 1;}
  Barrier & barrier() {return barrier_;}

  // Run the job on every thread, with its index; returns when all are done. The job may not throw.
  // Calls do not overlap.
  void run(const std::function<void(int)> & job);

private:
  void serve(int member);
  void stop();

  Barrier barrier_;
  std::mutex mutex_;
  std::condition_variable called_, done_;
  const std::function<void(int)> * job_ = nullptr;
  uint64_t jobs_ = 0;
  int busy_ = 0;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hma

#endif  // THREAD_POOL_H_
