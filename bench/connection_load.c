// Makes TCP connections as quickly as the machine can: connection_load SECONDS WORKERS ADDRESS PORT
// NETNS A server in the other network namespace accepts (accept4), answers one message and closes;
// each worker connects, sends, reads to the end and closes. Prints how many were made, and the CPU
// time of all of it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void serve(int listening) {
  char buffer[64];
  for (;;) {
    const int c = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (c < 0) continue;
    const ssize_t size = read(c, buffer, sizeof buffer);
    if (size > 0 && write(c, buffer, (size_t)size) != size) perror("write");
    close(c);
  }
}

static unsigned long work(double end, const struct sockaddr_in* to) {
  unsigned long made = 0;
  char buffer[64] = "0123456789abcdef";
  while (now() < end) {
    const int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // The server closes first and keeps what TCP remembers, so that ports are not used up here.
    if (connect(c, (const struct sockaddr*)to, sizeof *to) == 0 && write(c, buffer, 16) == 16) {
      while (read(c, buffer, sizeof buffer) > 0) {
      }
      made++;
    }
    close(c);
  }
  return made;
}

static int listen_in(const char* netns, const struct sockaddr_in* at) {
  const int own = open("/proc/self/ns/net", O_RDONLY);
  const int other = open(netns, O_RDONLY);
  if (setns(other, CLONE_NEWNET) != 0) return -1;
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(s, (const struct sockaddr*)at, sizeof *at) != 0 || listen(s, 4096) != 0) return -1;
  return setns(own, CLONE_NEWNET) == 0 ? s : -1;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int workers = atoi(argv[2]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[4]))};
  inet_pton(AF_INET, argv[3], &to.sin_addr);
  const int listening = listen_in(argv[5], &to);
  if (listening < 0) {
    perror("listen");
    return 1;
  }
  unsigned long* made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t servers[16];
  const int count = workers < 16 ? workers : 16;
  for (int i = 0; i < count; i++) {
    servers[i] = fork();
    if (servers[i] == 0) serve(listening);
  }
  const double end = now() + atof(argv[1]);
  for (int i = 0; i < count; i++) {
    if (fork() == 0) {
      __atomic_fetch_add(made, work(end, &to), __ATOMIC_SEQ_CST);
      _exit(0);
    }
  }
  for (int i = 0; i < count; i++) {
    pid_t ended;
    do
      ended = wait(NULL);
    while (ended < 0);
  }
  for (int i = 0; i < count; i++)
    kill(servers[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  struct rusage use;
  getrusage(RUSAGE_CHILDREN, &use);
  printf("made %lu\ncpu_ms %ld\n", *made,
         (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
             (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1000);
  return 0;
}
