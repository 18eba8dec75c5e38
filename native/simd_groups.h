// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// Operands of add_products where a register holds whole groups: AVX-VNNI and AVX-512.
#ifndef SIMD_GROUPS_H_
#define SIMD_GROUPS_H_

#include "simd.h"

namespace hma
{

// A row's group in every lane, and a vector of columns' groups, as add_products takes them.
template<typename Number>
struct Group
{
  Ints all;
};
template<typename Number>
inline Group<Number> spread(const Number * group) {return {fill_int(group_of(group))};}
template<typename Row, typename Column>
inline Group<Row> columns_of(const Column * groups) {return {load_ints(groups)};}

}  // namespace hma

#endif  // SIMD_GROUPS_H_
