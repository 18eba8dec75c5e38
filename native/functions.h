// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Element-wise functions of vectors.
#ifndef FUNCTIONS_H_
#define FUNCTIONS_H_

#include "simd.h"

namespace hma
{

// 2 ** x by a polynomial in the fractional part, highest term first.
template<int TERMS>
inline Vector power_of_two(Vector x, const float (& terms)[TERMS])
{
  const Vector whole = rounded(x);
  const Vector rest = x - whole;
  Vector power = fill(terms[0]);
#pragma GCC unroll 6
  for (int term = 1; term < TERMS; ++term) {
    power = multiply_add(power, rest, fill(terms[term]));
  }
  return scale_by_power(power, whole);
}
// Nearest in relative error for [-1/2, 1/2]; below 2e-7, with one at zero.
inline Vector power_of_two(Vector x)
{
  return power_of_two(
    x, {1.326472615e-3f, 9.671512991e-3f, 5.550733581e-2f, 2.402224243e-1f, 6.931470037e-1f, 1.0f});
}
// Below 8e-5.
inline Vector rough_power_of_two(Vector x)
{
  return power_of_two(x, {5.517173e-2f, 2.4261127e-1f, 6.9326097e-1f, 9.9992806e-1f});
}
// Far below any score, and finite.
constexpr float kNever = -1e30f;
constexpr float kLogTwoOfE = 1.44269504088896341f;

// x / (1 + exp(-x)); below x = -87 the factor stays at 2.4e-38 instead of 0.
inline Vector silu(Vector x)
{
  // Bounded: Newton's step would turn infinity into NaN.
  const Vector power = least(x * fill(-kLogTwoOfE), fill(125.0f));
  return x * inverse(fill(1.0f) + power_of_two(power));
}

// GELU: x times the normal CDF at x, by Abramowitz and Stegun 7.1.26 (error of the CDF 1.5e-7).
inline Vector gelu(Vector x)
{
  const Vector size = magnitude(x) * fill(0.70710678118654752f);
  const Vector divisor = multiply_add(fill(0.3275911f), size, fill(1.0f));
  const Vector t = inverse(divisor);
  Vector tail = fill(1.061405429f);
  for (const float term : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) {
    tail = multiply_add(tail, t, fill(term));
  }
  // Bounded: the powers of infinity are NaN.
  const Vector squares = least(size * size, fill(100.0f));
  tail = fill(0.5f) * tail * t * power_of_two(squares * fill(-kLogTwoOfE));
  return x * (x < 0.0f ? tail : 1.0f - tail);
}

// Within 4e-4 for |x| below 3.6, and 3e-4 of |x| beyond.
inline Vector rough_gelu(Vector x)
{
  const Vector bound = fill(3.6f);
  const Vector bounded = most(least(x, bound), -bound);
  const Vector square = bounded * bounded;
  Vector share = fill(-6.109313e-7f);
  for (const float term : {3.123878e-5f, -6.750247e-4f, 8.188879e-3f, -6.344861e-2f, 3.971638e-1f})
  {
    share = multiply_add(share, square, fill(term));
  }
  return x * multiply_add(share, bounded, fill(0.5f));
}

}  // namespace hma

#endif  // FUNCTIONS_H_
