// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// A diffusion head: predicts the noise of each row at one denoising step, given its condition.
#ifndef DENOISER_H_
#define DENOISER_H_

#include <atomic>
#include <vector>

#include "norms.h"
#include "gemm.h"
#include "thread_pool.h"

namespace hma
{

// C layout, filled by Python. At least one block; width and out are multiples of 16.
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
  const float * time;       // [width], added to every condition
  float * said;             // [rows][out]
};

// adaLN blocks between two projections; shift, scale and gate come from the condition. Rows are
// independent.
class Denoiser
{
public:
  explicit Denoiser(const DenoiserFacts & facts);

  // In order of use: input projection, three per block, two of the output. The first and the last
  // are float32; all others have one format.
  Matrix & matrix(int index) {return matrices_.at(index);}
  Norm & norm(int block) {return norms_.at(block);}

  // Calls do not overlap.
  void run(const DenoiserCall & call);

private:
  // Workspace of one thread.
  struct Workspace
  {
    Numbers<float> condition, gates, x, normed, hidden;
    QuantizedRows quantized_condition, quantized;
  };
  // Of a block, in order.
  enum Place { kGates, kFirst, kSecond, kPlaces };

  const Matrix & of_block(int block, Place place) const
  {
    return matrices_[1 + block * kPlaces + place];
  }
  bool is_int8() const {return of_block(0, kGates).is_int8();}
  void prepare();
  void compute(int first, int count, Workspace & work) const;
  void tell(int first, int count, Workspace & work) const;
  void make_gates(const Matrix & matrix, int parts, int count, Workspace & work) const;
  void pass(int block, int count, Workspace & work) const;
  void read_out(int first, int count, Workspace & work) const;
  void product(
    const Matrix & matrix, const float * rows, int count, Workspace & work,
    const Target & target) const;

  DenoiserFacts facts_;
  std::vector<Matrix> matrices_;
  std::vector<Norm> norms_;
  ThreadPool pool_;
  std::vector<Workspace> workspaces_;
  bool is_ready_ = false;
  const DenoiserCall * call_ = nullptr;
  std::atomic<int> next_{0};
};

}  // namespace hma

#endif  // DENOISER_H_
