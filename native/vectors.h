// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Sixteen numbers at a time, of AVX-512.
#ifndef VECTORS_H_
#define VECTORS_H_

#include <immintrin.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace hma
{

// Numbers that begin with a line of the cache, so that a vector of them is in one; many of them
// with a page, of the large ones where the system has them.
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
      // What comes of it is no matter.
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

using Vector = __m512;
constexpr int kLanes = 16;
inline int whole_vectors(int count) {return (count + kLanes - 1) / kLanes * kLanes;}

// Kept rows may be stored in half precision.
struct Half
{
  uint16_t bits;
};

inline Vector load(const float * from) {return _mm512_loadu_ps(from);}
inline Vector load(const Half * from)
{
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)));
}
inline void store(float * to, Vector value) {_mm512_storeu_ps(to, value);}
inline void store(Half * to, Vector value)
{
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), _mm512_cvtps_ph(value, kNearest));
}
// Of the numbers from `place` on of `count`, those that a vector holds.
using Mask = __mmask16;
inline Mask mask(int place, int count)
{
  const int left = count - place;
  return left >= kLanes ? 0xffff : left <= 0 ? 0 : static_cast<Mask>((1u << left) - 1u);
}
// As many vectors as a line of bytes.
constexpr int kAbreast = 4;
inline __mmask64 mask_abreast(int place, int count)
{
  const int left = count - place;
  return left >= kAbreast * kLanes ? ~0ull : (1ull << left) - 1;
}
inline Vector load(const float * from, Mask those) {return _mm512_maskz_loadu_ps(those, from);}
inline Vector load(const Half * from, Mask those)
{
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(those, from));
}
inline void store(float * to, Vector value, Mask those)
{
  _mm512_mask_storeu_ps(to, those, value);
}
inline Vector fill(float value) {return _mm512_set1_ps(value);}
// Whether all numbers are finite when stored.
inline bool fits(const float *, Vector value)
{
  return _mm512_cmp_ps_mask(_mm512_abs_ps(value), fill(3.402823466e38f), _CMP_NLE_UQ) == 0;
}
inline bool fits(const Half *, Vector value)
{
  return _mm512_cmp_ps_mask(_mm512_abs_ps(value), fill(65504.0f), _CMP_NLE_UQ) == 0;
}
// Lines become columns.
inline void transpose(Vector (& lines)[kLanes])
{
  Vector pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm512_unpacklo_ps(lines[i], lines[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_ps(lines[i], lines[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    for (int half = 0; half < 2; ++half) {
      const __m512d above = _mm512_castps_pd(pairs[i + half]);
      const __m512d below = _mm512_castps_pd(pairs[i + half + 2]);
      fours[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(above, below));
      fours[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(above, below));
    }
  }
  // Quarters of fours[4 * i + j] are columns j, 4 + j, 8 + j, 12 + j of lines 4 * i to 4 * i + 3.
  for (int j = 0; j < 4; ++j) {
    const Vector upper_even = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0x88);
    const Vector upper_odd = _mm512_shuffle_f32x4(fours[j], fours[4 + j], 0xdd);
    const Vector lower_even = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0x88);
    const Vector lower_odd = _mm512_shuffle_f32x4(fours[8 + j], fours[12 + j], 0xdd);
    lines[j] = _mm512_shuffle_f32x4(upper_even, lower_even, 0x88);
    lines[4 + j] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0x88);
    lines[8 + j] = _mm512_shuffle_f32x4(upper_even, lower_even, 0xdd);
    lines[12 + j] = _mm512_shuffle_f32x4(upper_odd, lower_odd, 0xdd);
  }
}
// The sum of each line.
inline Vector sums(const Vector (& lines)[kLanes])
{
  Vector halves[8], quarters[4], eighths[2];
  for (int i = 0; i < 8; ++i) {
    const Vector first = lines[2 * i], second = lines[2 * i + 1];
    halves[i] = _mm512_unpacklo_ps(first, second) + _mm512_unpackhi_ps(first, second);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512d first = _mm512_castps_pd(halves[2 * i]);
    const __m512d second = _mm512_castps_pd(halves[2 * i + 1]);
    quarters[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(first, second)) +
      _mm512_castpd_ps(_mm512_unpackhi_pd(first, second));
  }
  const auto fold = [](Vector first, Vector second) {
      return _mm512_shuffle_f32x4(first, second, 0x88) + _mm512_shuffle_f32x4(first, second, 0xdd);
    };
  for (int i = 0; i < 2; ++i) {
    eighths[i] = fold(quarters[2 * i], quarters[2 * i + 1]);
  }
  return fold(eighths[0], eighths[1]);
}
inline float sum(Vector value) {return _mm512_reduce_add_ps(value);}
// a * b + c
inline Vector multiply_add(Vector a, Vector b, Vector c) {return _mm512_fmadd_ps(a, b, c);}

// Powers of two, of a polynomial of what is behind the point, its last term first.
template<int TERMS>
inline Vector power_of_two(Vector x, const float (& terms)[TERMS])
{
  const Vector whole = _mm512_roundscale_ps(x, 8);
  const Vector rest = x - whole;
  Vector power = fill(terms[0]);
#pragma GCC unroll 6
  for (int term = 1; term < TERMS; ++term) {
    power = multiply_add(power, rest, fill(terms[term]));
  }
  return _mm512_scalef_ps(power, whole);
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

// One over x. Newton's step doubles the digits of a guess, and is quicker than to divide.
inline Vector inverse(Vector x)
{
  const Vector guess = _mm512_rcp14_ps(x);
  return guess * _mm512_fnmadd_ps(x, guess, fill(2.0f));
}

// x / (1 + exp(-x)); of x below -87 it is 2.4e-38 of x, not nothing.
inline Vector silu(Vector x)
{
  // Not endless, of which Newton's step would make no number.
  const Vector power = _mm512_min_ps(x * fill(-kLogTwoOfE), fill(125.0f));
  return x * inverse(fill(1.0f) + power_of_two(power));
}

// x times the share of a normal distribution below x. Abramowitz and Stegun 7.1.26, whose error
// of 1.5e-7 is one of the share.
inline Vector gelu(Vector x)
{
  const Vector size = _mm512_abs_ps(x) * fill(0.70710678118654752f);
  const Vector divisor = multiply_add(fill(0.3275911f), size, fill(1.0f));
  const Vector t = inverse(divisor);
  Vector tail = fill(1.061405429f);
  for (const float term : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) {
    tail = multiply_add(tail, t, fill(term));
  }
  // Not endless, whose powers are no numbers.
  const Vector squares = _mm512_min_ps(size * size, fill(100.0f));
  tail = fill(0.5f) * tail * t * power_of_two(squares * fill(-kLogTwoOfE));
  const __mmask16 is_negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
  return x * _mm512_mask_blend_ps(is_negative, fill(1.0f) - tail, tail);
}

// Within 4e-4 for |x| below 3.6, and 3e-4 of |x| beyond.
inline Vector rough_gelu(Vector x)
{
  const Vector most = fill(3.6f);
  const Vector bounded = _mm512_max_ps(_mm512_min_ps(x, most), fill(0.0f) - most);
  const Vector square = bounded * bounded;
  Vector share = fill(-6.109313e-7f);
  for (const float term : {3.123878e-5f, -6.750247e-4f, 8.188879e-3f, -6.344861e-2f, 3.971638e-1f})
  {
    share = multiply_add(share, square, fill(term));
  }
  return x * multiply_add(share, bounded, fill(0.5f));
}

}  // namespace hma

#endif  // VECTORS_H_
