// Starts short-lived processes, RATE a second in all, or as quickly as the machine can when RATE is
// 0: exec_load SECONDS WORKERS RATE CHILD Every start has a first argument of its own,
// n<worker>-<number>. Prints how many were started, and the CPU time of all of it: what a start
// costs, with all that watches it in the kernel.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void sleep_until(double when) {
  const double wait = when - now();
  if (wait <= 0) return;
  struct timespec time = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
  nanosleep(&time, NULL);
}

static unsigned long work(double end, double interval, int worker, char* child) {
  double next = now();
  unsigned long started = 0;
  char name[32];
  char* argv[] = {child, name, NULL};
  char* none[] = {NULL};
  while (now() < end) {
    snprintf(name, sizeof name, "n%d-%lu", worker, started);
    pid_t pid;
    // posix_spawn shares the address space until the exec, as vfork does: the cheapest start.
    if (posix_spawn(&pid, child, NULL, NULL, argv, none) != 0) continue;
    waitpid(pid, NULL, 0);
    started++;
    next += interval;
    sleep_until(next);
  }
  return started;
}

struct result {
  int worker;
  unsigned long started;
};

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const double end = now() + atof(argv[1]);
  const int workers = atoi(argv[2]);
  const double rate = atof(argv[3]);
  const double interval = rate > 0 ? workers / rate : 0;
  int results[2];
  if (pipe(results) != 0) return 1;
  for (int i = 0; i < workers; i++) {
    if (fork() == 0) {
      const struct result result = {i, work(end, interval, i, argv[4])};
      _exit(write(results[1], &result, sizeof result) == sizeof result ? 0 : 1);
    }
  }
  unsigned long total = 0;
  for (int i = 0; i < workers; i++) {
    struct result result;
    if (read(results[0], &result, sizeof result) != sizeof result) return 1;
    printf("n%d %lu\n", result.worker, result.started);
    total += result.started;
  }
  while (wait(NULL) > 0) {
  }
  struct rusage use;
  getrusage(RUSAGE_CHILDREN, &use);
  printf("total %lu\ncpu_ms %ld\n", total,
         (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
             (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000);
  return 0;
}
