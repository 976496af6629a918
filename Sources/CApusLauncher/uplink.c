#include "uplink.h"

#include "netlink.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { READY_MILLISECONDS = 3000, ADDRESSES_MAX = 4096 };

static const char program[] = "/usr/bin/slirp4netns";

/* ---- The host's addresses ---- */

static struct {
    uint32_t values[ADDRESSES_MAX];
    size_t count;
    bool full;
} addresses;

static void see_address(const struct nlmsghdr *message, void *context) {
    (void)context;
    if (message->nlmsg_type != RTM_NEWADDR) return;
    int left = (int)IFA_PAYLOAD(message);
    for (struct rtattr *a = IFA_RTA(NLMSG_DATA(message)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type != IFA_LOCAL) continue;
        if (addresses.count == ADDRESSES_MAX) addresses.full = true;
        else memcpy(&addresses.values[addresses.count++], RTA_DATA(a), 4);
    }
}

static int read_addresses(void) {
    struct netlink_batch batch = {0};
    struct ifaddrmsg any = {.ifa_family = AF_INET};
    int socket = netlink_open(NETLINK_ROUTE);
    STEP(socket, "open rtnetlink");
    netlink_begin(&batch, RTM_GETADDR, NLM_F_DUMP, &any, sizeof any);
    int error = netlink_dump(socket, &batch, see_address, NULL);
    close(socket);
    STEP(error, "read the host's addresses");
    return addresses.full ? failed(-E2BIG, "keep the host's addresses") : 0;
}

/* A route of the own namespace that leads nowhere: what listens on the host is none of a function's business. */
static int close_address(int socket, uint32_t address) {
    struct netlink_batch batch = {0};
    struct rtmsg route = {
        .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNREACHABLE};
    netlink_begin(&batch, RTM_NEWROUTE, NLM_F_CREATE, &route, sizeof route);
    netlink_put(&batch, RTA_DST, &address, 4);
    return netlink_run(socket, &batch);
}

static int close_addresses(void) {
    int socket = netlink_open(NETLINK_ROUTE), error = 0;
    STEP(socket, "open rtnetlink");
    for (size_t i = 0; i < addresses.count && error == 0; i++) error = close_address(socket, addresses.values[i]);
    close(socket);
    STEP(error, "close the host's addresses");
    return 0;
}

/* ---- slirp4netns ---- */

/* Both ends of a pipe each; `life` stays open as long as the launcher lives, and slirp4netns with it. */
struct link {
    int go[2], ready[2], life[2];
};

/* Waits in the host's namespace until the launcher has its own, and becomes slirp4netns. */
static _Noreturn void become_program(const struct link *link, pid_t launcher) {
    char byte, ready[12], life[12], path[32];
    close(link->go[1]);
    close(link->life[1]);
    if (read(link->go[0], &byte, 1) != 1) _exit(1);
    snprintf(ready, sizeof ready, "%d", link->ready[1]);
    snprintf(life, sizeof life, "%d", link->life[0]);
    snprintf(path, sizeof path, "/proc/%d/ns/net", launcher);
    fcntl(link->ready[1], F_SETFD, 0);
    fcntl(link->life[0], F_SETFD, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int standard = 0; standard <= 2; standard++) dup2(null, standard);
    char *arguments[] = {
        (char *)program, "--configure", "--disable-host-loopback", "--ready-fd", ready, "--exit-fd", life,
        "--netns-type", "path", path, "tap0", NULL};
    char *variables[] = {NULL};
    execve(program, arguments, variables);
    _exit(127);
}

/* Not a child of the launcher, which waits for its children in the end. */
static int start_program(struct link *link) {
    pid_t launcher = getpid(), between = fork();
    STEP(sys(between), "make a process for slirp4netns");
    if (between == 0) {
        pid_t last = fork();
        if (last == 0) become_program(link, launcher);
        _exit(last < 0);
    }
    int status = 0;
    while (waitpid(between, &status, 0) < 0)
        if (errno != EINTR) return failed(-errno, "make a process for slirp4netns");
    return 0;
}

static int await_program(const struct link *link) {
    char byte;
    struct pollfd ready = {link->ready[0], POLLIN, 0};
    STEP(sys(write(link->go[1], "g", 1)), "start slirp4netns");
    while (poll(&ready, 1, READY_MILLISECONDS) < 0 && errno == EINTR) {}
    bool is_ready = ready.revents & POLLIN && read(link->ready[0], &byte, 1) == 1;
    return is_ready ? 0 : failed(-EIO, "start slirp4netns (may everybody open /dev/net/tun?)");
}

static int open_link(struct link *link) {
    STEP(sys(pipe2(link->go, O_CLOEXEC)), "open a pipe");
    STEP(sys(pipe2(link->ready, O_CLOEXEC)), "open a pipe");
    STEP(sys(pipe2(link->life, O_CLOEXEC)), "open a pipe");
    return 0;
}

static void close_link(struct link *link, bool keep) {
    close_descriptor(&link->go[0]);
    close_descriptor(&link->go[1]);
    close_descriptor(&link->ready[0]);
    close_descriptor(&link->ready[1]);
    close_descriptor(&link->life[0]);
    if (!keep) close_descriptor(&link->life[1]);
}

static int leave_host(void) {
    STEP(sys(unshare(CLONE_NEWNET)), "make a network namespace");
    return 0;
}

static int prepare(struct link *link) {
    if (access(program, X_OK) < 0) return failed(-ENOENT, "find slirp4netns (install it)");
    TRY(read_addresses());
    TRY(open_link(link));
    return start_program(link);
}

int uplink_open(bool wanted) {
    struct link link = {{-1, -1}, {-1, -1}, {-1, -1}};
    int error = wanted ? prepare(&link) : -ENOENT;
    TRY(leave_host());
    if (error == 0) {
        close_descriptor(&link.ready[1]);
        error = await_program(&link);
    }
    if (error == 0) error = close_addresses();
    close_link(&link, error == 0);
    return error == 0;
}
