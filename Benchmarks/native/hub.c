/*
 * The smallest hub that a runtime client can stand behind: hands each POST on one port to whoever waits in `/next` on the
 * other, and the answer back. One event at a time; no function, no sandbox, no identity. A yardstick.
 *
 *     hub        prints "CLIENT_PORT RUNTIME_PORT"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 64, BUFFER = 1 << 16 };

struct peer {
    int is_runtime;
    size_t got;
    char input[BUFFER];
};

static struct pollfd polled[PEERS];
static struct peer peers[PEERS];
static int count, waiting_client = -1, parked = -1;
static char event[BUFFER];
static size_t event_length;

static int listen_on(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 16) < 0) exit(1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return listener;
}

static void add(int descriptor, int is_runtime) {
    if (count == PEERS) exit(1);
    polled[count] = (struct pollfd){.fd = descriptor, .events = POLLIN};
    peers[count].is_runtime = is_runtime;
    peers[count++].got = 0;
}

static void send_text(int peer, const char *head, const char *body, size_t length) {
    static char output[BUFFER + 1024];
    int head_length = snprintf(output, 1024, "%sContent-Length: %zu\r\n\r\n", head, length);
    memcpy(output + head_length, body, length);
    if (write(polled[peer].fd, output, (size_t)head_length + length) < 0) polled[peer].events = 0;
}

static void deliver(void) {
    if (parked < 0 || waiting_client < 0 || event_length == 0) return;
    send_text(parked,
              "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
              "Lambda-Runtime-Deadline-Ms: 99999999999999\r\n"
              "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:hello\r\n"
              "Content-Type: application/json\r\n", event, event_length);
    parked = -1;
    event_length = 0;
}

/* One whole request: its head is `input` up to `body`. */
static void handle(int peer, const char *body, size_t length) {
    if (!peers[peer].is_runtime) {
        waiting_client = peer;
        memcpy(event, body, length);
        event_length = length;
    } else if (strncmp(peers[peer].input, "GET", 3) == 0) {
        parked = peer;
    } else {
        send_text(peer, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n", "{}", 2);
        if (waiting_client >= 0)
            send_text(waiting_client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", body, length);
        waiting_client = -1;
    }
    deliver();
}

static void receive(int peer) {
    struct peer *p = &peers[peer];
    ssize_t got = read(polled[peer].fd, p->input + p->got, BUFFER - 1 - p->got);
    if (got <= 0) {
        close(polled[peer].fd);
        polled[peer].fd = -1;
        if (parked == peer) parked = -1;
        return;
    }
    p->got += (size_t)got;
    for (;;) {
        p->input[p->got] = 0;
        char *end = strstr(p->input, "\r\n\r\n");
        if (!end) return;
        char *length = strcasestr(p->input, "\r\nContent-Length:");
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        size_t whole = (size_t)(end + 4 - p->input) + body;
        if (p->got < whole) return;
        handle(peer, end + 4, body);
        memmove(p->input, p->input + whole, p->got - whole);
        p->got -= whole;
    }
}

int main(void) {
    int client_port, runtime_port, one = 1;
    int clients = listen_on(&client_port), runtimes = listen_on(&runtime_port);
    add(clients, 0);
    add(runtimes, 1);
    printf("%d %d\n", client_port, runtime_port);
    fflush(stdout);
    while (poll(polled, (nfds_t)count, -1) > 0) {
        for (int i = 0, known = count; i < known; i++) {
            if (!polled[i].revents) continue;
            if (i > 1) {
                receive(i);
                continue;
            }
            int connection = accept(polled[i].fd, NULL, NULL);
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            add(connection, i == 1);
        }
    }
    return 1;
}
