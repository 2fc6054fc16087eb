// A disk that fails, for one program: VEDETTE_DISK_FAULT names a file whose first eight bytes say how, and which may
// change at any time. 0: not at all; 1: what syncs a file fails with EIO, 2: with ENOSPC; 3: every sync takes a second.
// VEDETTE_DISK_FAULT_IN names the folder whose files it is about.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* fault;
static const char* folder;

__attribute__((constructor)) static void open_fault(void) {
  const char* path = getenv("VEDETTE_DISK_FAULT");
  folder = getenv("VEDETTE_DISK_FAULT_IN");
  const int file = path == NULL || folder == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) abort();
  void* memory = mmap(NULL, sizeof *fault, PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) abort();
  fault = memory;
  close(file);
}

static int concerns(int fd) {
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

// Nonzero: the call fails with that.
static int judge(int fd) {
  const int64_t how = fault == NULL ? 0 : *fault;
  if (how == 0 || !concerns(fd)) return 0;
  if (how == 3) {
    const struct timespec second = {1, 0};
    nanosleep(&second, NULL);
    return 0;
  }
  return how == 2 ? ENOSPC : EIO;
}

static int call(long number, int fd) {
  const int error = judge(fd);
  if (error == 0) return (int)syscall(number, fd);
  errno = error;
  return -1;
}

int fsync(int fd) { return call(SYS_fsync, fd); }
int fdatasync(int fd) { return call(SYS_fdatasync, fd); }
int syncfs(int fd) { return call(SYS_syncfs, fd); }
