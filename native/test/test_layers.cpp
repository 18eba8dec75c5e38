// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// What one build of the library computes, against the same in double precision.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "denoiser.h"
#include "functions.h"
#include "int8_attention.h"
#include "no_denormals.h"
#include "spatial_attention.h"
#include "temporal_attention.h"
#include "trunk.h"

using namespace hma;  // NOLINT

namespace
{

int failures = 0;
std::mt19937 generator(0);

void expect(bool is_true, const std::string & what)
{
  if (!is_true) {
    std::printf("%s: FAILED: %s\n", kIsa, what.c_str());
    ++failures;
  }
}

void expect_near(double found, double expected, double tolerance, const std::string & what)
{
  // Also false where one of them is not a number.
  const bool is_near = std::abs(found - expected) <= tolerance;
  expect(
    is_near, what + ": got " + std::to_string(found) + ", expected " + std::to_string(expected));
}

Numbers<float> normal(size_t count, float deviation = 1.0f)
{
  std::normal_distribution<float> draw(0.0f, deviation);
  Numbers<float> numbers(count);
  std::generate(numbers.begin(), numbers.end(), [&] {return draw(generator);});
  return numbers;
}

void products_of_float32()
{
  for (const auto & [count, depth, columns] : {
      std::tuple(1, 16, 16), std::tuple(7, 48, 80), std::tuple(13, 1040, 64),
      std::tuple(66, 32, 208)})
  {
    const auto rows = normal(count * depth), values = normal(depth * columns);
    const auto bias = normal(columns);
    const Matrix matrix(depth, columns, values.data(), bias.data());
    Numbers<float> out(count * columns);
    matrix.multiply(rows.data(), QuantizedRows(), count, {out.data(), columns, false});
    for (int m = 0; m < count; ++m) {
      for (int n = 0; n < columns; ++n) {
        double sum = bias[n];
        for (int k = 0; k < depth; ++k) {
          sum += static_cast<double>(rows[m * depth + k]) * values[k * columns + n];
        }
        expect_near(out[m * columns + n], sum, 1e-5 * std::sqrt(depth), "float32 product");
      }
    }
  }
}

// Numbers up to the ends of their ranges, so that no sum of a few of them may be bounded.
void products_of_int8_are_exact()
{
  std::uniform_int_distribution<int> any(0, 99), byte(0, 255), signed_byte(-127, 127);
  for (const auto & [count, depth, columns] : {
      std::tuple(1, 16, 16), std::tuple(7, 48, 80), std::tuple(25, 256, 112)})
  {
    QuantizedRows rows;
    rows.reserve(count, depth);
    std::vector<int> numbers(count * depth), weights(depth * columns);
    for (size_t n = 0; n < numbers.size(); ++n) {
      numbers[n] = any(generator) < 30 ? 255 : byte(generator);
      rows.numbers[n] = static_cast<uint8_t>(numbers[n] - kByteOffset);
    }
    std::fill(rows.scale.begin(), rows.scale.end(), 1.0f);
    std::vector<int8_t> values;
    for (int & weight : weights) {
      weight = any(generator) < 30 ? 127 : any(generator) < 30 ? -128 : signed_byte(generator);
      values.push_back(static_cast<int8_t>(weight));
    }
    const std::vector<float> scale(columns, 1.0f);
    const Matrix matrix(depth, columns, values.data(), scale.data(), nullptr);
    Numbers<float> out(count * columns);
    matrix.multiply(nullptr, rows, count, {out.data(), columns, false});
    for (int m = 0; m < count; ++m) {
      for (int n = 0; n < columns; ++n) {
        int sum = 0;
        for (int k = 0; k < depth; ++k) {
          sum += numbers[m * depth + k] * weights[k * columns + n];
        }
        expect_near(out[m * columns + n], sum, 0.0, "int8 product");
      }
    }
  }
}

void rows_are_quantized_to_the_nearest()
{
  constexpr int kDepth = 80;
  const auto row = normal(kDepth);
  QuantizedRows rows;
  rows.take(row.data(), 1, kDepth);
  for (int k = 0; k < kDepth; ++k) {
    const int number = static_cast<uint8_t>(rows.numbers[k] + kByteOffset);
    const double value = rows.scale[0] * (number - rows.zero[0]);
    expect_near(value, row[k], 0.51 * rows.scale[0], "quantized row");
  }
}

void halves_that_are_not_finite_stay_so()
{
  for (const unsigned bits : {0x7c00u, 0xfc00u, 0x7c01u, 0x7e00u, 0xffffu}) {
    Half halves[kLanes];
    float values[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      halves[lane].bits = static_cast<uint16_t>(bits);
    }
    store(values, load(halves));
    for (int lane = 0; lane < kLanes; ++lane) {
      const bool is_number = (bits & 0x3ff) == 0;
      const bool is_same = is_number ? std::isinf(values[lane]) : std::isnan(values[lane]);
      expect(is_same && std::signbit(values[lane]) == (bits >> 15 != 0), "infinity or NaN in fp16");
    }
  }
}

void halves_round_to_the_nearest_even()
{
  for (unsigned first = 0; first < 0x7c00; first += kLanes) {
    Half halves[kLanes], back[kLanes];
    float values[kLanes], between[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      halves[lane].bits = static_cast<uint16_t>(first + lane);
    }
    const NoDenormals guard;
    const Vector loaded = load(halves);
    store(values, loaded);
    store(back, loaded);
    for (int lane = 0; lane < kLanes; ++lane) {
      const int bits = halves[lane].bits, exponent = bits >> 10, rest = bits & 1023;
      const double value =
        exponent == 0 ? std::ldexp(rest, -24) : std::ldexp(1024 + rest, exponent - 25);
      expect_near(values[lane], value, 0.0, "half " + std::to_string(bits));
      expect(back[lane].bits == bits, "half " + std::to_string(bits) + " there and back");
      const double step = std::ldexp(1.0, std::max(exponent, 1) - 25);
      between[lane] = static_cast<float>(-value - step / 2);
    }
    if (first + kLanes < 0x7c00) {
      store(back, load(between));
      for (int lane = 0; lane < kLanes; ++lane) {
        const int bits = halves[lane].bits;
        const int even = bits + bits % 2;
        expect(back[lane].bits == (0x8000 | even), "between halves at " + std::to_string(bits));
      }
    }
  }
}

void functions_are_near()
{
  for (float x = -20.0f; x < 20.0f; x += 0.37f) {
    const double share = 0.5 * std::erfc(-x / std::sqrt(2.0));
    expect_near(gelu(fill(x))[0], x * share, 2e-7 * std::max(1.0f, std::abs(x)) + 1e-6, "gelu");
    expect_near(rough_gelu(fill(x))[0], x * share, 4e-4 + 3e-4 * std::abs(x), "rough gelu");
    expect_near(silu(fill(x))[0], x / (1 + std::exp(-double{x})), 1e-5, "silu");
    expect_near(power_of_two(fill(x))[0] / std::exp2(double{x}), 1.0, 1e-6, "power of two");
  }
  expect_near(power_of_two(fill(kNever))[0], 0.0, 0.0, "power of two of never");
  expect_near(power_of_two(fill(-140.0f))[0], 0.0, 1e-38, "power of two below all");
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  for (const float x : {nothing, std::numeric_limits<float>::infinity()}) {
    expect(!std::isfinite(gelu(fill(x))[0]), "gelu of no number");
    expect(!are_within(fill(x), std::numeric_limits<float>::max()), "no number is not within");
  }
  expect(std::isnan(power_of_two(fill(nothing))[0]), "power of two of no number");
}

// Attention within rows in float32 or int8, of two rows, put in two shares.
void attention_within_rows(
  SpatialAttention & attention, int tokens, int heads, int depth, double tolerance)
{
  constexpr int kRows = 2;
  const int width = heads * depth;
  const auto made = normal(static_cast<size_t>(kRows) * tokens * 3 * width);
  attention.resize(kRows);
  const int half = tokens / 2;
  ScoreBuffer work;
  Numbers<float> out(static_cast<size_t>(tokens) * width);
  for (int row = 0; row < kRows; ++row) {
    const float * begin = made.data() + static_cast<size_t>(row) * tokens * 3 * width;
    attention.put({0, row, 0, half}, begin);
    attention.put({0, row, half, tokens - half}, begin + static_cast<size_t>(half) * 3 * width);
  }
  for (int head = 0; head < heads; ++head) {
    attention.mix({0, 1, 0, tokens}, head, work, out.data());
  }
  const float * row = made.data() + static_cast<size_t>(tokens) * 3 * width;
  for (int t = 0; t < tokens; ++t) {
    for (int head = 0; head < heads; ++head) {
      std::vector<double> mixed(depth);
      double total = 0;
      for (int s = 0; s < tokens; ++s) {
        double score = 0;
        for (int d = 0; d < depth; ++d) {
          const float * query = row + t * 3 * width + head * depth;
          score += query[d] * row[s * 3 * width + width + head * depth + d];
        }
        const double weight = std::exp2(score / depth);
        total += weight;
        for (int d = 0; d < depth; ++d) {
          mixed[d] += weight * row[s * 3 * width + 2 * width + head * depth + d];
        }
      }
      for (int d = 0; d < depth; ++d) {
        const float found = out[t * width + head * depth + d];
        expect_near(found, mixed[d] / total, tolerance, "attention within a row");
      }
    }
  }
}

void attention_of_every_shape()
{
  for (const auto & [tokens, heads, depth] : {
      std::tuple(6, 2, 16), std::tuple(70, 2, 24), std::tuple(130, 1, 64), std::tuple(9, 8, 6)})
  {
    Float32Attention real(tokens, heads, depth, 1.0f / depth);
    attention_within_rows(real, tokens, heads, depth, 1e-5);
    Int8Attention whole(tokens, heads, depth, 1.0f / depth);
    attention_within_rows(whole, tokens, heads, depth, 0.05);
  }
}

Facts trunk_facts(int threads)
{
  return {2, 32, 2, 64, 21, threads, 0, 0.25f};
}

// What a trunk of random weights makes of a call with two rows and three kept ones.
// is_small: as the preset of that name, with a norm before attention over rows, biases of each
// layer and head, and modulation without a matrix
std::vector<float> trunk_result(int threads, bool is_small)
{
  generator.seed(1);
  const Facts facts = trunk_facts(threads);
  Trunk trunk(facts);
  const int width = facts.width, hidden = facts.hidden;
  for (int index = 0; index < facts.layers; ++index) {
    for (int place = 0; place < kMatrices; ++place) {
      if (is_small && place == kInject) {
        continue;
      }
      const bool is_made = place == kSpaceMade || place == kTimeMade;
      const int depth = place == kChannelsOut ? hidden : width;
      const int columns = is_made ? 3 * width : place == kChannelsIn ? hidden : width;
      const auto values = normal(static_cast<size_t>(depth) * columns, 0.2f);
      trunk.layer(index).matrices[place] = Matrix(depth, columns, values.data(), nullptr);
    }
  }
  if (is_small) {
    for (int index = 0; index < facts.layers; ++index) {
      Norm & norm = trunk.layer(index).norms[kBeforeTime];
      norm.weight = normal(width), norm.bias = normal(width);
    }
  }
  constexpr int kRows = 2, kSlots = 3;
  const size_t row = static_cast<size_t>(facts.tokens) * width;
  auto x = normal(kRows * row);
  const auto added = normal(kRows * width);
  const auto past = normal(kSlots * facts.layers * 2 * row);
  const int own = is_small ? facts.layers * facts.heads : 1;
  const auto bias = normal(static_cast<size_t>(own) * kRows * (kRows + kSlots));
  const auto modulation = normal(kRows * facts.layers * 2 * width);
  Numbers<float> kept(kRows * facts.layers * 2 * row);
  Call call{};
  call.batch = 1, call.rows = kRows, call.slots = kSlots;
  call.is_own = is_small, call.modulation = is_small ? modulation.data() : nullptr;
  call.x = x.data(), call.added = added.data(), call.bias = bias.data();
  call.past = past.data(), call.kept = kept.data();
  expect(trunk.run(call), "what is kept is finite");
  std::vector<float> result(x.end() - row, x.end());
  result.insert(result.end(), kept.begin(), kept.end());
  return result;
}

void threads_change_nothing()
{
  for (const bool is_small : {false, true}) {
    const auto expected = trunk_result(1, is_small);
    for (const int threads : {2, 3, 8}) {
      expect(trunk_result(threads, is_small) == expected, std::to_string(threads) + " threads");
    }
  }
}

void every_thread_takes_part()
{
  ThreadPool pool(3);
  std::atomic<int> sum{0};
  for (int round = 0; round < 50; ++round) {
    pool.run(
      [&](int member) {
        sum += 1 << member;
        pool.barrier().wait();
        expect(sum % 7 == 0, "a thread is past the barrier before all were there");
        pool.barrier().wait();
      });
  }
  expect(sum == 50 * 7, "jobs done");
  try {
    ThreadPool none(0);
    expect(false, "a pool without threads");
  } catch (const std::invalid_argument & error) {
    expect(std::string(error.what()).find("got 0") != std::string::npos, error.what());
  }
}

}  // namespace

int run_tests()
{
  products_of_float32();
  products_of_int8_are_exact();
  rows_are_quantized_to_the_nearest();
  halves_round_to_the_nearest_even();
  halves_that_are_not_finite_stay_so();
  functions_are_near();
  attention_of_every_shape();
  threads_change_nothing();
  every_thread_takes_part();
  std::printf("%s: %s\n", kIsa, failures == 0 ? "passed" : "failed");
  return failures == 0 ? 0 : 1;
}
