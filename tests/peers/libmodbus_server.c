/* Unit 1 of libmodbus: on a socket, or at the far end of a serial line.
 *
 *     libmodbus_server tcp      prints the port it listens on
 *     libmodbus_server rtu      prints the serial port at the other end of its line
 *
 * Holding and input register n holds 3 n + 1; every third coil and discrete
 * input is set. It ends when its starter does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum { REGISTERS = 200, BITS = 64 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static modbus_mapping_t *registers(void) {
    modbus_mapping_t *map = modbus_mapping_new(BITS, BITS, REGISTERS, REGISTERS);
    if (!map) fail("registers");
    for (int n = 0; n < REGISTERS; n++) map->tab_registers[n] = map->tab_input_registers[n] = 3 * n + 1;
    for (int n = 0; n < BITS; n++) map->tab_bits[n] = map->tab_input_bits[n] = n % 3 == 0;
    return map;
}

static void answer(modbus_t *bus, modbus_mapping_t *map) {
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(bus, request);
        if (length > 0) modbus_reply(bus, request, length, map);
        if (length < 0 && modbus_get_socket(bus) < 0) return;
        if (length < 0 && modbus_get_header_length(bus) == 7) return; /* TCP: the client left */
    }
}

static void serve_tcp(modbus_mapping_t *map) {
    modbus_t *bus = modbus_new_tcp("127.0.0.1", 0);
    int listener = modbus_tcp_listen(bus, 4);
    if (listener < 0) fail("listen");
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size)) fail("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        if (modbus_tcp_accept(bus, &listener) < 0) fail("accept");
        answer(bus, map);
        modbus_close(bus);
    }
}

/* One end of the line: the master side of a pseudo-terminal, raw, held open. */
static int end_of_line(char *name, size_t size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, size)) fail("pty");
    int slave = open(name, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings)) fail(name);
    cfmakeraw(&settings);
    if (tcsetattr(slave, TCSANOW, &settings)) fail(name);
    return master;
}

static void carry(int from, int to) {
    char bytes[512];
    ssize_t count = read(from, bytes, sizeof bytes);
    if (count > 0 && write(to, bytes, count) < 0) fail("line");
}

static void serve_rtu(modbus_mapping_t *map) {
    char ours[64], theirs[64];
    int a = end_of_line(ours, sizeof ours), b = end_of_line(theirs, sizeof theirs);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct pollfd ends[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
        while (poll(ends, 2, -1) > 0) {
            if (ends[0].revents & POLLIN) carry(a, b);
            if (ends[1].revents & POLLIN) carry(b, a);
        }
        exit(0);
    }
    modbus_t *bus = modbus_new_rtu(ours, 115200, 'N', 8, 1);
    if (!bus || modbus_set_slave(bus, 1) || modbus_connect(bus)) fail("connect");
    printf("%s\n", theirs);
    fflush(stdout);
    answer(bus, map);
}

int main(int count, char **words) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (count == 2 && !strcmp(words[1], "tcp")) serve_tcp(registers());
    if (count == 2 && !strcmp(words[1], "rtu")) serve_rtu(registers());
    fputs("usage: libmodbus_server tcp|rtu\n", stderr);
    return 2;
}
