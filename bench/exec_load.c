// Starts short-lived processes as quickly as the machine can: exec_load SECONDS WORKERS CHILD
// Every start has a first argument of its own, n<worker>-<number>. Prints how many were started.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static unsigned long work(double end, int worker, char *child) {
  unsigned long started = 0;
  char name[32];
  char *argv[] = {child, name, NULL};
  char *none[] = {NULL};
  while (now() < end) {
    snprintf(name, sizeof name, "n%d-%lu", worker, started);
    pid_t pid;
    // posix_spawn shares the address space until the exec, as vfork does: the cheapest start.
    if (posix_spawn(&pid, child, NULL, NULL, argv, none) != 0) continue;
    waitpid(pid, NULL, 0);
    started++;
  }
  return started;
}

struct result {
  int worker;
  unsigned long started;
};

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const double end = now() + atof(argv[1]);
  const int workers = atoi(argv[2]);
  int results[2];
  if (pipe(results) != 0) return 1;
  for (int i = 0; i < workers; i++) {
    if (fork() == 0) {
      const struct result result = {i, work(end, i, argv[3])};
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
  printf("total %lu\n", total);
  return 0;
}
