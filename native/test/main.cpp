// Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
// For any processor, as support.cpp: the tests themselves are built for one instruction set.
#include <cstdio>

extern "C" int hma_is_supported();
int run_tests();

int main()
{
  if (!hma_is_supported()) {
    std::puts("skipped: the processor has no such instructions");
    return 77;
  }
  return run_tests();
}
