#include "programs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The runtime, the extensions that AWS allows, and one more, for which the server refuses to go on. */
enum { PROGRAMS_MAX = 12, TELEMETRY_DESCRIPTOR = 3 };

struct program {
    char **arguments;
    char **variables;
    /* 0 while it does not run. */
    pid_t pid;
};

extern char **environ;

static struct program programs[PROGRAMS_MAX];
static size_t program_count = 1;
static char *paths[PROGRAMS_MAX][2];
static int server = -1;

bool programs_called(int count, char **arguments) { return count > 3 && strcmp(arguments[1], "programs") == 0; }

/* ---- What there is ---- */

/* Lambda developer guide, "Lambda extensions and environment variables". */
static bool is_for_extensions(const char *variable) {
    static const char *const others[] = {
        "_", "AWS_EXECUTION_ENV=", "AWS_LAMBDA_LOG_GROUP_NAME=", "AWS_LAMBDA_LOG_STREAM_NAME=",
        "AWS_XRAY_CONTEXT_MISSING=", "AWS_XRAY_DAEMON_ADDRESS=", "LAMBDA_RUNTIME_DIR=", "LAMBDA_TASK_ROOT="};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(variable, others[i], strlen(others[i])) == 0) return false;
    return true;
}

static char **extension_variables(void) {
    size_t count = 0, kept = 0;
    while (environ[count]) count++;
    char **variables = calloc(count + 1, sizeof *variables);
    if (!variables) _exit(1);
    for (size_t i = 0; i < count; i++)
        if (is_for_extensions(environ[i])) variables[kept++] = environ[i];
    return variables;
}

static void list_programs(char **arguments) {
    char **variables = extension_variables();
    for (; *arguments && strcmp(*arguments, "--") != 0; arguments++) {
        if (program_count == PROGRAMS_MAX) _exit(1);
        paths[program_count][0] = *arguments;
        programs[program_count] = (struct program){paths[program_count], variables, 0};
        program_count++;
    }
    if (!arguments[0] || !arguments[1]) _exit(1);
    programs[0] = (struct program){arguments + 1, environ, 0};
}

/* ---- Running them ---- */

static void report(const char *what, size_t number, int value) { dprintf(server, "%s %zu %d\n", what, number, value); }

static int spawn(struct program *program, bool is_runtime) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawn_file_actions_init(&actions);
    if (!is_runtime) posix_spawn_file_actions_addclose(&actions, TELEMETRY_DESCRIPTOR);
    /* The runtime of an image may be a name along PATH. */
    int error = posix_spawnp(
        &program->pid, program->arguments[0], &actions, &attributes, program->arguments, program->variables);
    if (error) program->pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static void run(size_t number) {
    int error = programs[number].pid > 0 ? EBUSY : spawn(&programs[number], number == 0);
    if (error) report("failed", number, error);
}

static void obey(const char *order) {
    char verb[16];
    size_t number;
    if (sscanf(order, "%15s %zu", verb, &number) != 2 || number >= program_count) return;
    pid_t pid = programs[number].pid;
    if (strcmp(verb, "run") == 0) run(number);
    if (strcmp(verb, "terminate") == 0 && pid > 0) kill(pid, SIGTERM);
    if (strcmp(verb, "kill") == 0 && pid > 0) kill(pid, SIGKILL);
}

static void reap(int signals) {
    struct signalfd_siginfo information;
    int status;
    while (read(signals, &information, sizeof information) == sizeof information) {}
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (size_t i = 0; i < program_count; i++) {
            if (programs[i].pid != pid) continue;
            programs[i].pid = 0;
            if (WIFSIGNALED(status)) report("killed", i, WTERMSIG(status));
            else report("exited", i, WEXITSTATUS(status));
        }
}

/* ---- The server ---- */

static int open_signals(void) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* AWS_LAMBDA_RUNTIME_API is 127.0.0.1 and a port. */
static int connect_server(void) {
    static const char request[] = "GET /apus/programs HTTP/1.1\r\n\r\n";
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon) return -1;
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&name, sizeof name) < 0) return -1;
    return write(connection, request, sizeof request - 1) < 0 ? -1 : connection;
}

/* Takes whole lines out of `text`, and keeps the rest. */
static size_t obey_lines(char *text, size_t length) {
    char *start = text, *end;
    while ((end = memchr(start, '\n', length - (size_t)(start - text)))) {
        *end = 0;
        obey(start);
        start = end + 1;
    }
    size_t rest = length - (size_t)(start - text);
    memmove(text, start, rest);
    return rest;
}

_Noreturn void programs_run(char **arguments) {
    char orders[256];
    size_t length = 0;
    prctl(PR_SET_NAME, "apus-programs");
    list_programs(arguments + 2);
    int signals = open_signals();
    server = connect_server();
    if (signals < 0 || server < 0) _exit(1);
    struct pollfd waiting[] = {{server, POLLIN, 0}, {signals, POLLIN, 0}};
    for (;;) {
        if (poll(waiting, 2, -1) < 0) continue;
        if (waiting[1].revents) reap(signals);
        if (!waiting[0].revents) continue;
        ssize_t count = read(server, orders + length, sizeof orders - length);
        if (count <= 0) _exit(0);
        length = obey_lines(orders, length + (size_t)count);
    }
}
