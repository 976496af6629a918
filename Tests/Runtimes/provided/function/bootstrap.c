/*
 * A runtime and a function in one, which does as the conformance suite says: Tests/Runtimes/README.md.
 *
 * It reads no JSON: an event is `{"do": ACTION, "with": VALUE}` exactly as the suite writes it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define API "/2018-06-01/runtime/"

extern char **environ;

static char token[33];
static int calls;
static FILE *in, *out; /* the connection to the Runtime API */
static char head[1 << 16], id[64];

/* Text that grows. */
static char *answer;
static size_t answer_size;
static FILE *result;

static void dial(void) {
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    char host[64];
    int port;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (!api || sscanf(api, "%63[^:]:%d", host, &port) != 2 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
        errx(1, "AWS_LAMBDA_RUNTIME_API is no address");
    address.sin_port = htons((uint16_t)port);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) err(1, "connect");
    in = fdopen(connection, "r");
    out = fdopen(dup(connection), "w");
}

/* The value of a header of the last reply, up to the end of its line; NULL if it is not there. */
static const char *header(const char *name) {
    static char value[1 << 16];
    const char *found = strcasestr(head, name);
    if (!found) return NULL;
    sscanf(found + strlen(name), ": %65535[^\r]", value);
    return value;
}

/* The body of the next reply, which the caller frees; its headers are in `head`. */
static char *reply(void) {
    size_t size = 0, room = 0;
    char *line = NULL;
    for (ssize_t count; (count = getline(&line, &room, in)) > 2; size += (size_t)count) {
        if (size + (size_t)count >= sizeof head) errx(1, "too many headers");
        memcpy(head + size, line, (size_t)count);
    }
    if (!size) exit(0); /* the platform has gone */
    free(line);
    head[size] = 0;
    const char *length = header("\nContent-Length");
    size_t count = length ? strtoul(length, NULL, 10) : 0;
    char *body = calloc(count + 1, 1);
    if (fread(body, 1, count, in) != count) errx(1, "half a reply");
    return body;
}

static void post(const char *path, const char *headers, const char *body, size_t size) {
    fprintf(out, "POST " API "%s HTTP/1.1\r\nHost: api\r\n%sContent-Length: %zu\r\n\r\n", path, headers, size);
    fwrite(body, 1, size, out);
    fflush(out);
    free(reply());
}

static void put_text(const char *text) {
    fputc('"', result);
    for (; *text; text++) {
        if ((unsigned char)*text < ' ') fprintf(result, "\\u%04x", *text);
        else if (*text == '"' || *text == '\\') fprintf(result, "\\%c", *text);
        else fputc(*text, result);
    }
    fputc('"', result);
}

static void put_variables(void) {
    fputc('{', result);
    for (char **entry = environ; *entry; entry++) {
        char *name = strndup(*entry, strcspn(*entry, "="));
        if (entry != environ) fputc(',', result);
        put_text(name);
        fputc(':', result);
        put_text(*entry + strlen(name) + 1);
        free(name);
    }
    fputc('}', result);
}

static void grow(void) {
    for (;;) memset(malloc(1 << 20), 1, 1 << 20);
}

static void put_file(const char *path) {
    char text[256] = "";
    FILE *file = fopen(path, "r");
    if (!file) { fputs("null", result); return; }
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    put_text(text);
}

static void keep(const char *text) {
    FILE *file = fopen("/tmp/kept", "w");
    fputs(text, file);
    fclose(file);
    fputs("null", result);
}

static void print(FILE *stream, const char *text) {
    fprintf(stream, "%s\n", text);
    fflush(stream);
    fputs("null", result);
}

static void log_at_all_levels(const char *text) {
    static const char *levels[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) printf("%s %s\n", levels[i], text);
    fflush(stdout);
    fputs("null", result);
}

/* Writes the answer in pieces; the connection is at its end then. */
static void stream(int fails) {
    fprintf(out,
            "POST " API "invocation/%s/response HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nContent-Type: text/plain\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n4\r\none \r\n", id);
    fflush(out);
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    fputs("3\r\ntwo\r\n0\r\n", out);
    /* The body is base64 of {"errorMessage":"no"}. */
    if (fails)
        fputs("Lambda-Runtime-Function-Error-Type: Refused\r\n"
              "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJubyJ9\r\n", out);
    fputs("\r\n", out);
    fflush(out);
    free(reply());
}

static int is(const char *action, const char *name) { return strcmp(action, name) == 0; }

/* Returns 0 when the answer has been sent already. */
static int act(const char *action, char *with) {
    /* A text's content, for values without escapes. */
    char *text = with;
    if (*with == '"') {
        text = strdup(with + 1);
        text[strlen(text) - 1] = 0;
    }
    if (is(action, "echo")) fputs(with, result);
    else if (is(action, "sleep")) {
        double seconds = atof(with);
        nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (long)seconds) * 1e9)}, NULL);
        fputs("null", result);
    } else if (is(action, "exit")) exit(atoi(with));
    else if (is(action, "grow")) grow();
    else if (is(action, "remember")) fprintf(result, "[\"%s\",%d]", token, ++calls);
    else if (is(action, "write")) keep(text);
    else if (is(action, "read")) put_file("/tmp/kept");
    else if (is(action, "layer")) put_file("/opt/greeting.txt");
    else if (is(action, "variables")) put_variables();
    else if (is(action, "trace")) put_text(header("\nLambda-Runtime-Trace-Id") ?: "");
    else if (is(action, "print")) print(stdout, text);
    else if (is(action, "complain")) print(stderr, text);
    else if (is(action, "log")) log_at_all_levels(text);
    else if (is(action, "stream")) return stream(is(text, "fail")), 0;
    else errx(1, "an action that it does not know: %s", action);
    if (text != with) free(text);
    return 1;
}

static void serve(void) {
    char path[128], action[32];
    int value;
    fputs("GET " API "invocation/next HTTP/1.1\r\nHost: api\r\n\r\n", out);
    fflush(out);
    char *event = reply();
    snprintf(id, sizeof id, "%s", header("\nLambda-Runtime-Aws-Request-Id"));
    if (sscanf(event, "{\"do\": \"%31[^\"]\", \"with\": %n", action, &value) != 1) errx(1, "no event of the suite: %.80s", event);
    event[strlen(event) - 1] = 0;
    if (is(action, "fail")) {
        static const char body[] = "{\"errorMessage\":\"no, ünï\",\"errorType\":\"Refused\"}";
        snprintf(path, sizeof path, "invocation/%s/error", id);
        post(path, "Lambda-Runtime-Function-Error-Type: Function.Refused\r\n", body, sizeof body - 1);
    } else {
        result = open_memstream(&answer, &answer_size);
        int waits = act(action, event + value);
        fclose(result);
        snprintf(path, sizeof path, "invocation/%s/response", id);
        if (waits) post(path, "Content-Type: application/json\r\n", answer, answer_size);
        free(answer);
    }
    free(event);
}

int main(void) {
    unsigned char random[16];
    if (getrandom(random, sizeof random, 0) != sizeof random) err(1, "getrandom");
    for (int i = 0; i < 16; i++) sprintf(token + 2 * i, "%02x", random[i]);
    dial();
    const char *handler = getenv("_HANDLER");
    if (handler && is(handler, "nothere")) {
        static const char body[] = "{\"errorMessage\":\"no such handler\",\"errorType\":\"Runtime.NoSuchHandler\"}";
        post("init/error", "Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler\r\n", body, sizeof body - 1);
        return 1;
    }
    for (;;) serve();
}
