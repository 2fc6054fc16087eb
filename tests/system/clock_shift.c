// The wall clock of one program and its children, shifted: VEDETTE_CLOCK_SHIFT names a file with the nanoseconds
// (int64, as memory has it), which may change at any time. What the C library does for itself is not shifted,
// nor what the kernel waits for; monotonic clocks are not either.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* shift;

__attribute__((constructor)) static void open_shift(void) {
  const char* path = getenv("VEDETTE_CLOCK_SHIFT");
  const int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  void* memory = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) abort();
  shift = memory;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const long answer = syscall(SYS_clock_gettime, clock, now);
  if (answer != 0 || shift == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return (int)answer;
  const int64_t shifted = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + *shift;
  now->tv_sec = shifted / 1000000000;
  now->tv_nsec = shifted % 1000000000;
  return 0;
}

time_t time(time_t* also) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (also != NULL) *also = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
