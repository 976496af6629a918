/*
 * A closed-loop HTTP/1.1 load generator: one thread, keep-alive connections, one request in flight on each.
 *
 *     generator ADDRESS PORT CONNECTIONS SECONDS WARMUP_SECONDS FILE
 *     generator ADDRESS PORT burst FILE...
 *
 * A FILE holds the bytes of a request. A burst opens a connection for each of them, sends all at once, and ends with the last
 * answer. Answers must carry Content-Length. The result is one JSON object: requests, seconds, rps, p50_us, p90_us, p99_us,
 * max_us, http_errors (status not 2xx), function_errors (X-Amz-Function-Error), io_errors.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 16, SAMPLES_MAX = 1 << 24 };

struct connection {
    int socket;
    const char *request;
    size_t request_length;
    uint64_t began;
    size_t got;
    char answer[ANSWER_MAX];
};

static struct sockaddr_in address;
static int events;
static uint32_t *samples; /* tenths of a microsecond */
static size_t sample_count, http_errors, function_errors, io_errors;
static uint64_t measure_from, end_at = UINT64_MAX;
static int is_burst;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(2);
}

static void open_connection(struct connection *c) {
    c->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    int one = 1;
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->socket, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(events, EPOLL_CTL_ADD, c->socket, &event) < 0) fail("epoll_ctl");
}

/* Requests are small against a socket's buffer; one that does not fit at once counts as an error. */
static void send_request(struct connection *c) {
    c->began = now();
    c->got = 0;
    if (send(c->socket, c->request, c->request_length, MSG_NOSIGNAL) != (ssize_t)c->request_length) io_errors++;
}

static void reopen(struct connection *c) {
    io_errors++;
    close(c->socket);
    if (is_burst) return;
    open_connection(c);
    send_request(c);
}

/* The length of the whole answer, or 0 while the head is incomplete. */
static size_t answer_length(struct connection *c) {
    char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    if (!end) return 0;
    *end = 0;
    size_t body = 0;
    char *length = strcasestr(c->answer, "\r\ncontent-length:");
    if (length) body = strtoul(length + 17, NULL, 10);
    *end = '\r';
    return (size_t)(end + 4 - c->answer) + body;
}

static void record(struct connection *c, uint64_t at) {
    if (c->began < measure_from || at > end_at) return;
    if (sample_count < SAMPLES_MAX) samples[sample_count++] = (uint32_t)((at - c->began) / 100);
    if (c->got < 12 || c->answer[9] != '2') http_errors++;
    char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    if (end) {
        *end = 0;
        if (strcasestr(c->answer, "\r\nx-amz-function-error:")) function_errors++;
    }
}

static void receive(struct connection *c) {
    ssize_t count = recv(c->socket, c->answer + c->got, ANSWER_MAX - c->got - 1, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        reopen(c);
        return;
    }
    c->got += (size_t)count;
    size_t length = answer_length(c);
    if (length > ANSWER_MAX - 1) fail("answer too long");
    if (length == 0 || c->got < length) return;
    record(c, now());
    if (!is_burst) send_request(c);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(double q) { return sample_count ? samples[(size_t)(q * (double)(sample_count - 1) + 0.5)] / 10.0 : 0; }

static void load(struct connection *c, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    char *bytes = malloc(1 << 20);
    c->request_length = fread(bytes, 1, 1 << 20, file);
    c->request = bytes;
    fclose(file);
}

static void serve_ready(void) {
    struct epoll_event ready[64];
    int ready_count = epoll_wait(events, ready, 64, 100);
    for (int i = 0; i < ready_count; i++) receive(ready[i].data.ptr);
}

int main(int count, char **arguments) {
    is_burst = count > 4 && strcmp(arguments[3], "burst") == 0;
    if (!is_burst && count != 7) {
        fprintf(stderr, "usage: generator ADDRESS PORT CONNECTIONS SECONDS WARMUP_SECONDS FILE\n"
                        "       generator ADDRESS PORT burst FILE...\n");
        return 2;
    }
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)atoi(arguments[2]));
    if (inet_pton(AF_INET, arguments[1], &address.sin_addr) != 1) fail(arguments[1]);
    size_t connections = is_burst ? (size_t)count - 4 : strtoul(arguments[3], NULL, 10);
    double seconds = is_burst ? 0 : atof(arguments[4]), warmup = is_burst ? 0 : atof(arguments[5]);

    samples = malloc(sizeof *samples * SAMPLES_MAX);
    struct connection *all = calloc(connections, sizeof *all);
    events = epoll_create1(EPOLL_CLOEXEC);
    if (!samples || !all || events < 0) fail("start");

    for (size_t i = 0; i < connections; i++) {
        load(&all[i], is_burst ? arguments[4 + i] : arguments[6]);
        open_connection(&all[i]);
    }
    measure_from = now() + (uint64_t)(warmup * 1e9);
    if (!is_burst) end_at = measure_from + (uint64_t)(seconds * 1e9);
    for (size_t i = 0; i < connections; i++) send_request(&all[i]);
    if (is_burst) {
        while (sample_count + io_errors < connections) serve_ready();
        seconds = (double)(now() - measure_from) / 1e9;
    } else {
        while (now() < end_at) serve_ready();
    }
    qsort(samples, sample_count, sizeof *samples, compare);
    printf(
        "{\"requests\": %zu, \"seconds\": %.3f, \"rps\": %.1f, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
        "\"max_us\": %.1f, \"http_errors\": %zu, \"function_errors\": %zu, \"io_errors\": %zu}\n",
        sample_count, seconds, (double)sample_count / seconds, quantile(0.5), quantile(0.9), quantile(0.99), quantile(1),
        http_errors, function_errors, io_errors);
    return 0;
}
