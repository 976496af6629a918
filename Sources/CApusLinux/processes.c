#define _GNU_SOURCE
#include "CApusLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LAUNCHER_SOCKET = 3 };

int capus_spawn_launcher(const char *path, const char *mode, pid_t *pid) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    /* Also clears close-on-exec should the end have the number already. */
    posix_spawn_file_actions_adddup2(&actions, ends[1], LAUNCHER_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&actions, LAUNCHER_SOCKET + 1);
    char *arguments[] = {"apus-launcher", (char *)mode, NULL};
    char *variables[] = {NULL};
    int error = posix_spawn(pid, path, &actions, NULL, arguments, variables);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error == 0) return ends[0];
    close(ends[0]);
    return -error;
}

/* In the child of vfork: memory is shared with the waiting parent, so only system calls, and no return. */
static void become(const struct capus_process *process, const int *sources, volatile int *error) {
    struct rlimit files = {0, 0}, core = {0, 0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (process->descriptors < files.rlim_max) files.rlim_max = process->descriptors;
    files.rlim_cur = files.rlim_max;
    struct sigaction ordinary = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) sigaction(number, &ordinary, NULL);
    sigset_t none;
    sigemptyset(&none);
    /* The sources lie above 3, so no step overwrites the next one's. */
    if (setpgid(0, 0) == 0 && dup2(sources[0], 0) >= 0 && dup2(sources[1], 1) >= 0 && dup2(sources[1], 2) >= 0 &&
        dup2(sources[2], 3) >= 0 && syscall(SYS_close_range, 4u, ~0u, 0u) == 0 && setrlimit(RLIMIT_CORE, &core) == 0 &&
        setrlimit(RLIMIT_NOFILE, &files) == 0 && chdir(process->directory) == 0 &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        execve(process->path, process->arguments, process->variables);
    *error = errno;
    _exit(127);
}

static int spawn_blocked(const struct capus_process *process, const int *sources) {
    volatile int error = 0;
    sigset_t all, before;
    sigfillset(&all);
    /* A handler of the parent must not run in the child, on the parent's memory. */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0) become(process, sources, &error);
    int failure = pid < 0 ? errno : error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid > 0 && failure != 0) {
        siginfo_t information;
        syscall(SYS_waitid, 1 /* P_PID */, pid, &information, 4 /* WEXITED */, NULL);
    }
    return failure != 0 ? -failure : pid;
}

int capus_spawn_process(const struct capus_process *process) {
    int sources[3] = {-1, -1, -1};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int result = null < 0 ? -errno : 0;
    /* An earlier program of the environment may have made its ends non-blocking, and they are the same ends. */
    fcntl(process->output, F_SETFL, 0);
    fcntl(process->telemetry, F_SETFL, 0);
    const int wanted[3] = {null, process->output, process->telemetry};
    for (int i = 0; i < 3 && result == 0; i++) {
        sources[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 4);
        if (sources[i] < 0) result = -errno;
    }
    if (result == 0) result = spawn_blocked(process, sources);
    for (int i = 0; i < 3; i++)
        if (sources[i] >= 0) close(sources[i]);
    if (null >= 0) close(null);
    return result;
}

int capus_open_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) return 0;
    int error = -errno;
    close(ends[0]);
    close(ends[1]);
    return error;
}

int capus_open_event(void) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : event;
}

void capus_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int capus_open_process(pid_t pid) {
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : descriptor;
}
