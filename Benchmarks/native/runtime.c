/*
 * A custom runtime that answers "hello" to everything: what a compiled function costs at the least.
 *
 * It sends its answer and the call for the next event in one piece, as Apus's own clients do. With HELLO_SLEEP_MS it
 * takes so long for each event.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char next[] = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static char input[1 << 16], output[1024];

static int dial(const char *api) {
    char host[64];
    snprintf(host, sizeof host, "%s", api);
    char *colon = strrchr(host, ':');
    if (!colon) return -1;
    *colon = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
    int one = 1, connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return -1;
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) return -1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connection;
}

/* The length of the first whole reply in `input`; 0 while it is incomplete. */
static size_t reply_length(size_t got, char **end) {
    input[got] = 0;
    *end = strstr(input, "\r\n\r\n");
    if (!*end) return 0;
    char *length = strcasestr(input, "\r\nContent-Length:");
    size_t whole = (size_t)(*end + 4 - input) + (length && length < *end ? strtoul(length + 17, NULL, 10) : 0);
    return got >= whole ? whole : 0;
}

int main(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API"), *sleep_ms = getenv("HELLO_SLEEP_MS");
    int connection = dial(api ? api : "127.0.0.1:9001");
    if (connection < 0 || write(connection, next, sizeof next - 1) < 0) return 1;
    size_t got = 0;
    for (;;) {
        char *end;
        for (size_t whole; (whole = reply_length(got, &end)) > 0; got -= whole) {
            char *id = strcasestr(input, "Lambda-Runtime-Aws-Request-Id: ");
            if (id && id < end) {
                if (sleep_ms) usleep((useconds_t)atoi(sleep_ms) * 1000);
                int length = snprintf(
                    output, sizeof output,
                    "POST /2018-06-01/runtime/invocation/%.36s/response HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    "Content-Length: 7\r\n\r\n\"hello\"%s", id + 31, next);
                if (write(connection, output, (size_t)length) != length) return 1;
            }
            memmove(input, input + whole, got - whole);
        }
        ssize_t count = read(connection, input + got, sizeof input - 1 - got);
        if (count <= 0) return 1;
        got += (size_t)count;
    }
}
