// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Products of few rows with packed matrices (GEMM), in float32 or int8.
#ifndef GEMM_H_
#define GEMM_H_

#include <cstdint>
#include <vector>

#include "memory.h"
#include "simd.h"

namespace hma
{

// NR, the columns of a panel and of a register tile.
constexpr int kPanel = kTileVectors * kLanes;
// MC, the rows that a thread takes through several products at a time: weights are read once for
// all of them, and what they become stays in its cache.
constexpr int kBlockRows = 66;

inline int panels(int columns) {return (columns + kPanel - 1) / kPanel;}

// Rows in uint8: a value is scale * (number - zero), both of the row. Stored less kByteOffset.
struct WholeRows
{
  Numbers<uint8_t> numbers;  // [count][depth]
  Numbers<float> scale, zero;

  // Room for as many; it never shrinks.
  void make_room(int count, int depth);
  // rows: [count][depth], depth a multiple of 16
  void take(const float * rows, int count, int depth);
};

// Where the rows of a product go.
struct Target
{
  float * rows;    // [count][stride]
  int stride;
  bool is_added;   // to what is there, or put in its place
};

// A packed matrix.
struct Panels
{
  const float * values;  // [panels][depth][width]
  int depth;
  int width;             // of a panel, a multiple of kLanes
  const void * then = nullptr;  // what is read after them, where it is known
};

// target[m][n] = rows[m] . column n, and bias where there is one, for `columns` of them, a multiple
// of kLanes.
void multiply(
  const float * rows, int count, int row_stride, const Panels & panels, int columns,
  const Target & target, const float * bias = nullptr);

// A constant matrix [depth][columns] with a bias; depth and columns are multiples of 16.
class Matrix
{
public:
  Matrix() = default;
  // values: [depth][columns]; bias: [columns], may be null
  Matrix(int depth, int columns, const float * values, const float * bias);
  // A value is its number times the scale of its column.
  Matrix(
    int depth, int columns, const int8_t * numbers, const float * scale, const float * bias);

  int depth() const {return depth_;}
  bool is_whole() const {return is_whole_;}

  // Tell which matrix is multiplied after this one: it is asked for meanwhile.
  void precede(const Matrix & next);

  // target = rows times matrix, and bias. rows: [count][depth].
  // whole: the same rows, of which a matrix of whole numbers reads those.
  void multiply(
    const float * rows, const WholeRows & whole, int count, const Target & target) const;

private:
  Matrix(int depth, int columns, const float * bias, bool is_whole);
  template<int ROWS, int VECTORS>
  void whole_tile(const WholeRows & rows, int row, int column, const Target & target) const;

  int depth_ = 0, columns_ = 0;
  bool is_whole_ = false;
  const void * then_ = nullptr;
  Numbers<float> real_;      // [panel][depth][kPanel]
  Numbers<int8_t> numbers_;  // [panel][depth / 4][kPanel][4]
  Numbers<float> scale_, bias_;
  Numbers<float> sums_;      // of the values of each column
  Numbers<int32_t> first_;   // what the sums of products begin with, see int_kernel
};

}  // namespace hma

#endif  // GEMM_H_
