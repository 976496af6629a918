#include "inside.h"

#include "protocol.h"
#include "report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

bool inside_called(int count, char **arguments) {
    const char *slash = count == 2 ? strrchr(arguments[0], '/') : NULL;
    return count == 2 && strcmp(slash ? slash + 1 : arguments[0], "init") == 0;
}

static void tell(int status) {
    const uint32_t words[2] = {
        WIFSIGNALED(status) ? APUS_EXIT_SIGNAL : APUS_EXIT_CODE,
        (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status))};
    /* Without a reader the supervisor takes it for a SIGKILL. */
    if (send(CONTROL_DESCRIPTOR, words, sizeof words, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
}

static pid_t wanted;

/* What comes from outside has no sender in here; the function's own signals reach nobody through pid 1. */
static void pass_on(int number, siginfo_t *information, void *context) {
    (void)context;
    if (information->si_pid == 0) kill(wanted, number);
}

_Noreturn void inside_run(const char *program) {
    wanted = (pid_t)strtol(program, NULL, 10);
    const struct sigaction passing = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO};
    if (wanted > 1) sigaction(SIGTERM, &passing, NULL);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "apus-init");
    for (;;) {
        int status;
        int pid = sys(wait4(-1, &status, 0, NULL));
        if (pid == wanted) tell(status);
        if (pid == wanted || (pid < 0 && pid != -EINTR)) _exit(0);
    }
}
