/* Both ends of Modbus TCP for the plant, with libmodbus (LGPL, linked dynamically, into this tool
 * only): `modbus serve ADDRESS` is a controller, `modbus poll ADDRESS write|read SECONDS` a client.
 * libmodbus knows no Read Device Identification (43/14, Modbus Application Protocol V1.1b3, 6.21):
 * that one function is answered and asked for here. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <modbus/modbus.h>

enum { kPort = 502, kHeader = 7, kIdentify = 0x2B, kRegisters = 64, kClients = 16, kPatience = 5000 };

static const char *const kIdentity[] = {"Schneider Electric", "TM221CE24R", "V1.10.2"};

static int fail(const char *what) {
  fprintf(stderr, "modbus: %s: %s\n", what, modbus_strerror(errno));
  return 1;
}

/* What libmodbus did not take of the request is still in the socket. */
static int identify(int connection, const uint8_t *query) {
  uint8_t rest[3];
  uint8_t answer[260] = {query[0], query[1], 0, 0, 0, 0, query[6], kIdentify, 0x0E, 1, 1, 0, 0, 3};
  size_t at = 14;
  if (recv(connection, rest, sizeof rest, MSG_WAITALL) != (ssize_t)sizeof rest) return -1;
  for (size_t i = 0; i < 3; ++i) {
    const size_t size = strlen(kIdentity[i]);
    answer[at++] = (uint8_t)i;
    answer[at++] = (uint8_t)size;
    memcpy(answer + at, kIdentity[i], size);
    at += size;
  }
  answer[5] = (uint8_t)(at - 6);
  return send(connection, answer, at, MSG_NOSIGNAL) == (ssize_t)at ? 0 : -1;
}

static int answer(modbus_t *bus, modbus_mapping_t *memory, int connection) {
  uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  modbus_set_socket(bus, connection);
  const int size = modbus_receive(bus, query);
  if (size < 0) return -1;
  memory->tab_registers[0]++; /* something that a process would change */
  if (size > kHeader && query[kHeader] == kIdentify) return identify(connection, query);
  return modbus_reply(bus, query, size, memory);
}

static int serve(const char *address) {
  modbus_t *const bus = modbus_new_tcp(address, kPort);
  modbus_mapping_t *const memory = modbus_mapping_new(kRegisters, kRegisters, kRegisters, kRegisters);
  const int listening = bus && memory ? modbus_tcp_listen(bus, kClients) : -1;
  if (listening < 0) return fail("cannot listen");
  fd_set open;
  int highest = listening;
  FD_ZERO(&open);
  FD_SET(listening, &open);
  puts("ready");
  fflush(stdout);
  for (;;) {
    fd_set readable = open;
    if (select(highest + 1, &readable, NULL, NULL, NULL) < 0) return fail("cannot wait");
    for (int one = 0; one <= highest; ++one) {
      if (!FD_ISSET(one, &readable)) continue;
      if (one == listening) {
        const int fresh = accept(listening, NULL, NULL);
        if (fresh < 0 || fresh >= FD_SETSIZE) continue;
        FD_SET(fresh, &open);
        if (fresh > highest) highest = fresh;
      } else if (answer(bus, memory, one) < 0) {
        close(one);
        FD_CLR(one, &open);
      }
    }
  }
}

static int ask_who(modbus_t *bus) {
  const uint8_t request[] = {1, kIdentify, 0x0E, 1, 0};
  uint8_t reply[260];
  if (modbus_send_raw_request(bus, request, (int)sizeof request) < 0) return -1;
  struct pollfd answered = {.fd = modbus_get_socket(bus), .events = POLLIN};
  if (poll(&answered, 1, kPatience) != 1) return -1;
  return recv(answered.fd, reply, sizeof reply, 0) > 0 ? 0 : -1;
}

static int poll_it(const char *address, int writes, int seconds) {
  modbus_t *const bus = modbus_new_tcp(address, kPort);
  if (!bus || modbus_set_slave(bus, 1) < 0 || modbus_connect(bus) < 0) return fail("cannot connect");
  if (ask_who(bus) < 0) return fail("no identity");
  const struct timespec pause = {1, 0};
  for (int i = 0; i < seconds; ++i) {
    uint16_t words[8];
    uint8_t bits[8];
    if (modbus_read_registers(bus, 0, 8, words) < 0) return fail("cannot read registers");
    if (modbus_read_bits(bus, 0, 8, bits) < 0) return fail("cannot read coils");
    if (writes && modbus_write_register(bus, 16, (uint16_t)(40 + i)) < 0) return fail("cannot write");
    if (writes && modbus_write_bit(bus, 3, i % 2) < 0) return fail("cannot write a coil");
    nanosleep(&pause, NULL);
  }
  modbus_close(bus);
  modbus_free(bus);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(argv[2]);
  if (argc == 5 && strcmp(argv[1], "poll") == 0)
    return poll_it(argv[2], strcmp(argv[3], "write") == 0, atoi(argv[4]));
  fputs("modbus serve ADDRESS | modbus poll ADDRESS write|read SECONDS\n", stderr);
  return 2;
}
