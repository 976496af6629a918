#include "launch.h"
#include "report.h"
#include "seccomp_tables.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* No signal may kill pid 1 but the launcher's SIGKILL: it has no handlers, and the kernel drops the rest. */

static int give_up(void) {
    TRY(sys(syscall(SYS_close_range, 0u, (unsigned)REPORT_DESCRIPTOR - 1, 0u)));
    TRY(sys(syscall(SYS_close_range, (unsigned)REPORT_DESCRIPTOR + 1, ~0u, 0u)));
    TRY(launch_become(launch_init_uid));
    TRY(drop_capabilities());
    TRY(sys(prctl(PR_SET_DUMPABLE, 0)));
    TRY(sys(prctl(PR_SET_NAME, "apus-init")));
    /* After the change of uid, which clears it. */
    TRY(sys(prctl(PR_SET_PDEATHSIG, SIGKILL)));
    struct pollfd launcher = {.fd = REPORT_DESCRIPTOR};
    if (poll(&launcher, 1, 0) > 0 && (launcher.revents & POLLERR)) _exit(1);
    return install_filter(init_filter, sizeof init_filter / sizeof *init_filter);
}

_Noreturn void init_run(uint32_t slot, int program, bool stays) {
    if (give_up() < 0) _exit(1);
    for (;;) {
        int status;
        int pid = sys(wait4(-1, &status, 0, NULL));
        if (pid == program) report_send(slot, REPORT_ENDED, status);
        bool over = pid < 0 ? pid != -EINTR : pid == program && !stays;
        if (over) _exit(0);
    }
}
