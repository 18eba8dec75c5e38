// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
#include "gemm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "micro_kernel.h"

namespace hma
{
namespace
{

constexpr int kBytes = kGroup<int8_t>;
// KC, the depth of a float32 panel that is multiplied at a time: more would leave the cache before
// the next tile reads it again.
constexpr int kDepth = 1024;

// The part of the next panel that the tile of a row prefetches: a quarter each, or half for narrow
// tiles.
inline const char * quarter_of(const void * next, size_t panel_bytes, int row)
{
  constexpr int quarters = 4;
  return static_cast<const char *>(next) +
         std::min(row / kTileRows, quarters - 1) * (panel_bytes / quarters);
}

inline void deliver(const Target & target, int row, int column, Vector value)
{
  float * place = target.rows + static_cast<size_t>(row) * target.stride + column;
  store(place, target.is_added ? value + load(place) : value);
}

// Independent accumulators.
constexpr int kAbreast = 4;

// Zeros beyond the depth, a multiple of a vector.
inline Vector load_abreast(const float * row, int place, int depth)
{
  return place < depth ? load(row + place) : Vector{};
}

// Minimum and maximum of a row and zero; NaN if the row has one. Four independent accumulators hide
// the latency.
inline std::pair<float, float> extremes(const float * row, int depth)
{
  // min and max do not propagate NaN reliably.
  Vector low[kAbreast] = {}, high[kAbreast] = {}, nothing = fill(0.0f);
  for (int k = 0; k < depth; k += kAbreast * kLanes) {
#pragma GCC unroll 4
    for (int v = 0; v < kAbreast; ++v) {
      const Vector number = load_abreast(row, k + v * kLanes, depth);
      low[v] = least(low[v], number);
      high[v] = most(high[v], number);
      nothing = multiply_add(number, fill(0.0f), nothing);
    }
  }
  const Vector lowest = least(least(low[0], low[1]), least(low[2], low[3]));
  const Vector highest = most(most(high[0], high[1]), most(high[2], high[3]));
  return {least_of(lowest) + sum(nothing), most_of(highest)};
}

// out = row * factor + shift, rounded, from 0 to 255
inline void round_bytes(const float * row, int depth, float factor, float shift, uint8_t * out)
{
  for (int k = 0; k < depth; k += kAbreast * kLanes) {
    Ints whole[kAbreast];
#pragma GCC unroll 4
    for (int v = 0; v < kAbreast; ++v) {
      const Vector number = load_abreast(row, k + v * kLanes, depth);
      whole[v] = nearest(multiply_add(number, fill(factor), fill(shift)));
    }
    store_bytes(out + k, whole, depth - k);
  }
}

// A product over the depth from `first` on, one KC at a time.
void multiply_part(
  const float * rows, int count, int row_stride, const Panels & panels, int first, int columns,
  const Target & target, const float * bias)
{
  const int depth = std::min(kDepth, panels.depth - first);
  const float * values = panels.values + static_cast<size_t>(first) * panels.width;
  const size_t part = static_cast<size_t>(depth) * panels.width;
  const void * behind = first + depth < panels.depth ? values + part : panels.then;
  each_tile<kTileRows>(
    count, columns, panels.width, [&]<int ROWS, int VECTORS>(int row, int column) {
      Vector sums[ROWS][VECTORS] = {};
      const float * panel = values + panel_place(column, panels.depth, panels.width, 1);
      const bool is_last = behind != nullptr && column + panels.width >= columns;
      const float * beside = panel + static_cast<size_t>(panels.depth) * panels.width;
      float_kernel(
        rows + static_cast<size_t>(row) * row_stride, row_stride, panel, depth, panels.width,
        quarter_of(is_last ? behind : beside, part * sizeof(float), row), sums);
#pragma GCC unroll 12
      for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
          const int n = column + v * kLanes;
          deliver(target, row + r, n, bias == nullptr ? sums[r][v] : sums[r][v] + load(bias + n));
        }
      }
    });
}

}  // namespace

// Growing fills with zeros, so memory is never given back.
void QuantizedRows::reserve(int count, int depth)
{
  numbers.resize(std::max(numbers.size(), static_cast<size_t>(count) * depth));
  scale.resize(std::max(scale.size(), static_cast<size_t>(count)));
  zero.resize(scale.size());
}

void QuantizedRows::take(const float * rows, int count, int depth)
{
  reserve(count, depth);
  for (int m = 0; m < count; ++m, rows += depth) {
    const auto [least, most] = extremes(rows, depth);
    scale[m] = std::max((most - least) / 255.0f, std::numeric_limits<float>::min());
    zero[m] = std::floor(-least / scale[m] + 0.5f);
    round_bytes(
      rows, depth, 1.0f / scale[m], zero[m], numbers.data() + static_cast<size_t>(m) * depth);
  }
}

void multiply(
  const float * rows, int count, int row_stride, const Panels & panels, int columns,
  const Target & target, const float * bias)
{
  for (int first = 0; first < panels.depth; first += kDepth) {
    const bool is_first = first == 0;
    multiply_part(
      rows + first, count, row_stride, panels, first, columns,
      {target.rows, target.stride, target.is_added || !is_first}, is_first ? bias : nullptr);
  }
}

Matrix::Matrix(int depth, int columns, const float * bias, bool is_int8)
: depth_(depth), columns_(columns), is_int8_(is_int8)
{
  const size_t wide = static_cast<size_t>(panels(columns)) * kPanel;
  bias_.resize(wide);
  if (bias != nullptr) {
    std::copy_n(bias, columns, bias_.begin());
  }
  if (is_int8) {
    numbers_.resize(wide * depth);
    scale_.resize(wide);
    sums_.resize(wide);
    first_.resize(wide);
  } else {
    float32_.resize(wide * depth);
  }
}

Matrix::Matrix(int depth, int columns, const float * values, const float * bias)
: Matrix(depth, columns, bias, false)
{
  for (int k = 0; k < depth; ++k) {
    for (int n = 0; n < columns; ++n, ++values) {
      const size_t panel = n / kPanel;
      float32_[(panel * depth + k) * kPanel + n % kPanel] = *values;
    }
  }
}

Matrix::Matrix(
  int depth, int columns, const int8_t * numbers, const float * scale, const float * bias)
: Matrix(depth, columns, bias, true)
{
  std::copy_n(scale, columns, scale_.begin());
  Numbers<int32_t> sums(columns);
  for (int k = 0; k < depth; ++k) {
    for (int n = 0; n < columns; ++n, ++numbers) {
      const size_t group = n / kPanel * (depth / kBytes) + k / kBytes;
      numbers_[(group * kPanel + n % kPanel) * kBytes + k % kBytes] = *numbers;
      sums[n] += *numbers;
    }
  }
  for (int n = 0; n < columns; ++n) {
    sums_[n] = scale[n] * static_cast<float>(sums[n]);
    first_[n] = kByteOffset * sums[n];
  }
}

void Matrix::precede(const Matrix & next)
{
  then_ = next.is_int8_ ? static_cast<const void *>(next.numbers_.data()) : next.float32_.data();
}

void Matrix::multiply(
  const float * rows, const QuantizedRows & quantized, int count, const Target & target) const
{
  if (!is_int8_) {
    const Panels panels{float32_.data(), depth_, kPanel, then_};
    return hma::multiply(rows, count, depth_, panels, columns_, target, bias_.data());
  }
  each_tile<kByteTileRows>(
    count, columns_, kPanel, [&]<int ROWS, int VECTORS>(int row, int column) {
      int8_tile<ROWS, VECTORS>(quantized, row, column, target);
    });
}

template<int ROWS, int VECTORS>
void Matrix::int8_tile(const QuantizedRows & rows, int row, int column, const Target & target) const
{
  Ints sums[ROWS][VECTORS];
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      sums[r][v] = kByteOffset == 0 ? Ints{} : load_ints(first_.data() + column + v * kLanes);
    }
  }
  const int8_t * panel = numbers_.data() + static_cast<size_t>(column) * depth_;
  const size_t size = static_cast<size_t>(depth_) * kPanel;
  const bool is_last = column + kPanel >= columns_;
  int_kernel(
    rows.numbers.data() + static_cast<size_t>(row) * depth_, depth_, panel, depth_, kPanel,
    quarter_of(is_last ? then_ : panel + size, size, row), sums);
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; ++r) {
    const int m = row + r;
    const Vector scale = fill(rows.scale[m]), zero = fill(rows.zero[m]);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const int n = column + v * kLanes;
      // Every sum contains the zero point of the row times the sum of the column.
      const Vector number = to_float(sums[r][v]) * load(scale_.data() + n);
      const Vector product = multiply_subtract(zero, load(sums_.data() + n), number);
      deliver(target, m, n, multiply_add(product, scale, load(bias_.data() + n)));
    }
  }
}

}  // namespace hma
