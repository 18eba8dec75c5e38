// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Threads that do one job together.
#ifndef TEAM_H_
#define TEAM_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hma
{

// Waits busily for a moment, then asleep: the others are about to arrive, or have no core.
class Meeting
{
public:
  explicit Meeting(int members) : members_(members) {}
  void wait();

private:
  const int members_;
  std::atomic<int> present_{0};
  std::atomic<uint32_t> times_{0};
};

// Where the share of a member, or a block, begins: whole things are shared out evenly.
inline int begin_of(int things, int index, int shares)
{
  return static_cast<int>(static_cast<int64_t>(things) * index / shares);
}

// Members sleep between jobs.
class Team
{
public:
  // Starts members - 1 threads; the caller of `run` is the first member. Throws where there is
  // to be no member, or there are no threads.
  explicit Team(int members);
  ~Team();
  Team(const Team &) = delete;
  Team & operator=(const Team &) = delete;

  int size() const {return static_cast<int>(threads_.size()) + 1;}
  Meeting & meeting() {return meeting_;}

  // Have every member do the job, which is told who does it; returns when all have. The job may
  // not throw. Calls do not overlap.
  void run(const std::function<void(int)> & job);

private:
  void serve(int member);
  void stop();

  Meeting meeting_;
  std::mutex mutex_;
  std::condition_variable called_, done_;
  const std::function<void(int)> * job_ = nullptr;
  uint64_t jobs_ = 0;
  int busy_ = 0;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hma

#endif  // TEAM_H_
