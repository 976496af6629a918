/* A function in C: the Runtime API over one connection, with nothing but the system's library. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 6 << 20 }; /* what an event may have */

static char received[LARGEST + 16384], answer[LARGEST + 64];
static size_t length; /* of what was received */

static _Noreturn void fail(const char *what) {
    perror(what);
    exit(1);
}

static int connected(void) {
    char host[64] = "";
    unsigned short port = 0;
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    if (!api || sscanf(api, "%63[^:]:%hu", host, &port) != 2) fail("AWS_LAMBDA_RUNTIME_API");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(host)};
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    return connection;
}

static void send_all(int connection, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = write(connection, bytes, count);
        if (sent <= 0) fail("write");
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void request(int connection, const char *method, const char *path, const char *body, size_t count) {
    char head[512];
    int size = snprintf(
        head, sizeof head, "%s /2018-06-01/runtime/invocation/%s HTTP/1.1\r\nHost: runtime\r\nContent-Length: %zu\r\n\r\n",
        method, path, count);
    send_all(connection, head, (size_t)size);
    send_all(connection, body, count);
}

/* Reads one answer. Returns its body, which ends with a zero byte. */
static char *response(int connection) {
    char *body = NULL, *field;
    size_t wanted = 0;
    for (length = 0; !body || length < wanted;) {
        ssize_t count = length < sizeof received - 1 ? read(connection, received + length, sizeof received - 1 - length) : 0;
        if (count <= 0) fail("read");
        received[length += (size_t)count] = 0;
        if (body || !(body = strstr(received, "\r\n\r\n"))) continue;
        *body = 0;
        body += 4;
        field = strcasestr(received, "\r\nContent-Length: ");
        wanted = (size_t)(body - received) + (field ? strtoul(field + 18, NULL, 10) : 0);
    }
    return body;
}

static size_t handle(const char *event) {
    printf("greeting %s\n", event);
    return (size_t)snprintf(answer, sizeof answer, "{\"message\": \"Hello\", \"event\": %s}", event);
}

int main(void) {
    char path[128], id[64];
    int connection = connected();
    setlinebuf(stdout);
    for (;;) {
        request(connection, "GET", "next", "", 0);
        const char *event = response(connection);
        const char *field = strcasestr(received, "\r\nLambda-Runtime-Aws-Request-Id: ");
        if (!field || sscanf(field + 33, "%63s", id) != 1) fail("an event without an id");
        snprintf(path, sizeof path, "%s/response", id);
        request(connection, "POST", path, answer, handle(event));
        response(connection);
    }
}
