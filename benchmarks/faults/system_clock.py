# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A system clock that a benchmark may set: that of the processes it starts, not that of the machine.

A library of a few lines is loaded before all others; it adds an offset, read from a file, to what
``clock_gettime`` says of ``CLOCK_REALTIME``, and takes it off the deadlines that are given to the
kernel in that clock: a wait that was begun ends when it would with the machine's own clock. The
steady clock stays as it is.
"""

from __future__ import annotations

import mmap
import shutil
import subprocess
from pathlib import Path

_SOURCE = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ns;

__attribute__((constructor)) static void open_offset(void) {
  const char *path = getenv("HMA_CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) offset_ns = page;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int failure = (int)syscall(SYS_clock_gettime, clock, now);
  if (failure || clock != CLOCK_REALTIME || !offset_ns) return failure;
  int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + *offset_ns;
  now->tv_sec = ns / INT64_C(1000000000);
  now->tv_nsec = ns % INT64_C(1000000000);
  return 0;
}

/* A steady clock counts from the start of the machine: its times are far smaller. */
static const struct timespec *real(const struct timespec *end, struct timespec *kept) {
  if (!offset_ns || end->tv_sec < INT64_C(1000000000)) return end;
  int64_t ns = end->tv_sec * INT64_C(1000000000) + end->tv_nsec - *offset_ns;
  kept->tv_sec = ns / INT64_C(1000000000);
  kept->tv_nsec = ns % INT64_C(1000000000);
  return kept;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *end) {
  static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  struct timespec kept;
  if (!next) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  return next(condition, mutex, real(end, &kept));
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *end) {
  static int (*next)(pthread_mutex_t *, const struct timespec *);
  struct timespec kept;
  if (!next) next = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  return next(mutex, real(end, &kept));
}

int sem_timedwait(sem_t *semaphore, const struct timespec *end) {
  static int (*next)(sem_t *, const struct timespec *);
  struct timespec kept;
  if (!next) next = dlsym(RTLD_NEXT, "sem_timedwait");
  return next(semaphore, real(end, &kept));
}
"""


class SystemClock:
    """
    The system clock of other processes.

    :param folder: for the library and the offset.
    :raises RuntimeError: there is no C compiler, or it does not make the library.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which('cc')
        if compiler is None:
            raise RuntimeError('cc: got no C compiler, expected one; install gcc')
        source, library = folder / 'system_clock.c', folder / 'system_clock.so'
        offset = folder / 'offset_ns'
        source.write_text(_SOURCE)
        offset.write_bytes(bytes(8))
        command = [compiler, '-shared', '-fPIC', '-O2', '-o', str(library), str(source), '-ldl']
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'{source}: got {done.stderr[-500:]}, expected it to compile')
        with offset.open('r+b') as file:
            self._offset = mmap.mmap(file.fileno(), 8)
        # Of the processes that follow the clock.
        self.environment = {'LD_PRELOAD': str(library), 'HMA_CLOCK_OFFSET': str(offset)}

    def set(self, offset_ns: int) -> None:
        """Set the clock so far ahead of the machine's."""
        self._offset[:] = offset_ns.to_bytes(8, 'little', signed=True)
