/*
 * apus-launcher: the part of Apus that keeps privilege. One thread, no listener, one peer: the supervisor, on descriptor 3.
 * It ends, with every environment, when the supervisor's end of that socket closes.
 */
#include "host.h"
#include "report.h"
#include "requests.h"
#include "slots.h"

#include "cgroup.h"
#include "network.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

enum { SUPERVISOR = 3 };

static int open_signals(void) {
    /* The supervisor decides about the end, by closing the socket; a terminal's or a service manager's signal must not. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    STEP(sys(sigprocmask(SIG_BLOCK, &children, NULL)), "block SIGCHLD");
    int signals = sys(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    STEP(signals, "open a signalfd");
    return signals;
}

static void drain_reports(int reports) {
    struct report report;
    while (report_take(reports, &report)) slots_report(&report);
}

/* Reports first: pid 1 has written its last before it can be reaped. */
static void drain_children(int signals, int reports) {
    struct signalfd_siginfo information;
    while (read(signals, &information, sizeof information) == sizeof information) {}
    drain_reports(reports);
    slots_reap();
}

static void serve(int signals, int reports) {
    struct pollfd waiting[] = {{SUPERVISOR, POLLIN, 0}, {reports, POLLIN, 0}, {signals, POLLIN, 0}};
    size_t leftovers = 0;
    for (;;) {
        int count = poll(waiting, 3, leftovers > 0 ? 20 : -1);
        if (count < 0 && errno != EINTR) return;
        if (count < 0) continue;
        if (waiting[1].revents) drain_reports(reports);
        if (waiting[2].revents) drain_children(signals, reports);
        if (waiting[0].revents && !requests_serve(SUPERVISOR)) return;
        leftovers = cgroup_sweep();
    }
}

static int start(int *signals, int *reports) {
    prctl(PR_SET_NAME, "apus-launcher");
    STEP(sys(prctl(PR_SET_DUMPABLE, 0)), "become undumpable");
    STEP(sys(fcntl(SUPERVISOR, F_SETFD, FD_CLOEXEC)), "keep the socket from other programs");
    setsid();
    umask(0);
    *reports = report_open();
    TRY(*reports);
    *signals = open_signals();
    return *signals;
}

int main(void) {
    int signals = -1, reports = -1;
    slots_socket = SUPERVISOR;
    int error = start(&signals, &reports);
    if (error < 0) {
        fprintf(stderr, "apus-launcher: %s: %s\n", failed_step(), strerror(-error));
        return 1;
    }
    serve(signals, reports);
    slots_end();
    host_teardown();
    return 0;
}
