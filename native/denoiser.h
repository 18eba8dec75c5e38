// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// A diffusion head: what tells noise from sample at every step, by the condition of each row.
#ifndef DENOISER_H_
#define DENOISER_H_

#include <atomic>
#include <vector>

#include "norms.h"
#include "gemm.h"
#include "thread_pool.h"

namespace hma
{

// C layout: Python hands these over. There is a block at least; width and out are multiples of 16.
struct DenoiserFacts
{
  int blocks, width, in, out, threads;
};

// Rows of one step.
struct DenoiserCall
{
  int rows;
  const float * x;          // [rows][in]
  const float * condition;  // [rows][width]
  const float * time;       // [width], what is added to every condition
  float * said;             // [rows][out]
};

// Gated blocks between two projections; what gates them comes from the condition. Rows know
// nothing of each other.
class Denoiser
{
public:
  explicit Denoiser(const DenoiserFacts & facts);

  // In the order in which they are used: into the blocks, three of each block, two of the end. The
  // first and the last are of reals, all between alike.
  Matrix & matrix(int index) {return matrices_.at(index);}
  Norm & norm(int block) {return norms_.at(block);}

  // Calls do not overlap.
  void run(const DenoiserCall & call);

private:
  // What one thread works in.
  struct Room
  {
    Numbers<float> told, gates, x, normed, hidden;
    WholeRows whole_told, whole;
  };
  // Of a block, in order.
  enum Place { kGates, kFirst, kSecond, kPlaces };

  const Matrix & of_block(int block, Place place) const
  {
    return matrices_[1 + block * kPlaces + place];
  }
  bool is_whole() const {return of_block(0, kGates).is_whole();}
  void prepare();
  void compute(int first, int count, Room & room) const;
  void tell(int first, int count, Room & room) const;
  void make_gates(const Matrix & matrix, int parts, int count, Room & room) const;
  void pass(int block, int count, Room & room) const;
  void read_out(int first, int count, Room & room) const;
  void product(
    const Matrix & matrix, const float * rows, int count, Room & room, const Target & target) const;

  DenoiserFacts facts_;
  std::vector<Matrix> matrices_;
  std::vector<Norm> norms_;
  Team team_;
  std::vector<Room> rooms_;
  bool is_ready_ = false;
  const DenoiserCall * call_ = nullptr;
  std::atomic<int> next_{0};
};

}  // namespace hma

#endif  // DENOISER_H_
