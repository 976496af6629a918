#include "tracee.h"

#include <elf.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

/* ---- Registers ---- */

#if defined(__x86_64__)

enum { OWN_ARCHITECTURE = AUDIT_ARCH_X86_64, INSTRUCTION_BYTES = 2 };
typedef struct user_regs_struct registers;

static int read_registers(pid_t process, registers *all) { return sys(ptrace(PTRACE_GETREGS, process, NULL, all)); }
static int write_registers(pid_t process, registers *all) { return sys(ptrace(PTRACE_SETREGS, process, NULL, all)); }

static void set_arguments(registers *all, const uint64_t arguments[6]) {
    all->rdi = arguments[0];
    all->rsi = arguments[1];
    all->rdx = arguments[2];
    all->r10 = arguments[3];
    all->r8 = arguments[4];
    all->r9 = arguments[5];
}

/* At an entry. */
static int set_call(pid_t process, registers *all, long call) {
    all->orig_rax = (unsigned long)call;
    return write_registers(process, all);
}

static void set_result(registers *all, long result) { all->rax = (unsigned long)result; }

/* Back to the instruction that led into the kernel. */
static int repeat_call(pid_t process, registers *all, long call) {
    all->rip -= INSTRUCTION_BYTES;
    all->rax = (unsigned long)call;
    all->orig_rax = ~0ul;
    return write_registers(process, all);
}

static bool is_plain_fork(long call) { return call == SYS_fork; }

#elif defined(__aarch64__)

enum { OWN_ARCHITECTURE = AUDIT_ARCH_AARCH64, INSTRUCTION_BYTES = 4 };
typedef struct user_regs_struct registers;

static int read_registers(pid_t process, registers *all) {
    struct iovec place = {all, sizeof *all};
    return sys(ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &place));
}

static int write_registers(pid_t process, registers *all) {
    struct iovec place = {all, sizeof *all};
    return sys(ptrace(PTRACE_SETREGSET, process, NT_PRSTATUS, &place));
}

static void set_arguments(registers *all, const uint64_t arguments[6]) {
    memcpy(all->regs, arguments, 6 * sizeof *arguments);
}

static int set_call(pid_t process, registers *all, long call) {
    int number = (int)call;
    struct iovec place = {&number, sizeof number};
    all->regs[8] = (unsigned long)call;
    TRY(write_registers(process, all));
    return sys(ptrace(PTRACE_SETREGSET, process, NT_ARM_SYSTEM_CALL, &place));
}

static void set_result(registers *all, long result) { all->regs[0] = (unsigned long)result; }

static int repeat_call(pid_t process, registers *all, long call) {
    all->pc -= INSTRUCTION_BYTES;
    all->regs[8] = (unsigned long)call;
    return write_registers(process, all);
}

static bool is_plain_fork(long call) {
    (void)call;
    return false;
}

#else
#error "no registers for this architecture"
#endif

/* ---- Time ---- */

static volatile sig_atomic_t over;

static void at_deadline(int signal) {
    (void)signal;
    over = 1;
}

int tracee_set_deadline(unsigned milliseconds) {
    struct sigaction action = {.sa_handler = at_deadline};
    struct itimerval timer = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000}};
    /* Again and again: the first may come just before a wait begins. */
    timer.it_interval.tv_usec = 10000;
    over = 0;
    TRY(sys(sigaction(SIGALRM, &action, NULL)));
    /* The launcher has its mask from a thread of the supervisor. */
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    TRY(sys(sigprocmask(SIG_UNBLOCK, &alarm, NULL)));
    return sys(setitimer(ITIMER_REAL, &timer, NULL));
}

/* ---- Stops ---- */

static int describe_call(pid_t process, struct tracee_event *event) {
    struct __ptrace_syscall_info information;
    TRY(sys(ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof information, &information)));
    if (information.op == PTRACE_SYSCALL_INFO_ENTRY) {
        event->stop = TRACEE_AT_ENTRY;
        event->call = information.arch == OWN_ARCHITECTURE ? (long)information.entry.nr : -1;
        memcpy(event->arguments, information.entry.args, sizeof event->arguments);
    } else if (information.op == PTRACE_SYSCALL_INFO_EXIT) {
        event->stop = TRACEE_AT_EXIT;
        event->result = (long)information.exit.rval;
    }
    return 0;
}

static int describe(pid_t process, int status, struct tracee_event *event) {
    int kind = status >> 16, signal = WSTOPSIG(status);
    unsigned long child = 0;
    *event = (struct tracee_event){.stop = TRACEE_AT_OTHER};
    if (kind == PTRACE_EVENT_FORK || kind == PTRACE_EVENT_VFORK || kind == PTRACE_EVENT_CLONE) {
        TRY(sys(ptrace(PTRACE_GETEVENTMSG, process, NULL, &child)));
        event->stop = TRACEE_AT_FORK;
        event->child = (pid_t)child;
        return 0;
    }
    if (signal == (SIGTRAP | 0x80)) return describe_call(process, event);
    if (kind == 0) {
        event->stop = TRACEE_AT_SIGNAL;
        event->signal = signal;
    }
    return 0;
}

int tracee_wait(pid_t process, struct tracee_event *event) {
    int status, found;
    do {
        if (over) return -ETIMEDOUT;
        found = sys(waitpid(process, &status, __WALL));
    } while (found == -EINTR);
    TRY(found);
    return WIFSTOPPED(status) ? describe(process, status, event) : -ESRCH;
}

int tracee_seize(pid_t process) {
    struct tracee_event event;
    TRY(sys(ptrace(PTRACE_SEIZE, process, NULL, (long)TRACEE_OPTIONS)));
    TRY(sys(ptrace(PTRACE_INTERRUPT, process, NULL, NULL)));
    return tracee_wait(process, &event);
}

int tracee_bind(pid_t process, bool bound) {
    return sys(ptrace(PTRACE_SETOPTIONS, process, NULL, (long)TRACEE_OPTIONS | (bound ? PTRACE_O_EXITKILL : 0)));
}

int tracee_continue(pid_t process, int signal) { return sys(ptrace(PTRACE_SYSCALL, process, NULL, (long)signal)); }

int tracee_release(pid_t process) { return sys(ptrace(PTRACE_DETACH, process, NULL, NULL)); }

/* ---- Forks ---- */

bool tracee_is_fork(const struct tracee_event *event, uint64_t *flags) {
    *flags = is_plain_fork(event->call) ? (uint64_t)SIGCHLD : event->arguments[0];
    return event->call == SYS_clone || is_plain_fork(event->call);
}

int tracee_change_fork(pid_t process, const struct tracee_event *event, uint64_t flags) {
    registers all;
    uint64_t arguments[6] = {flags};
    if (event->call == SYS_clone) memcpy(arguments + 1, event->arguments + 1, sizeof arguments - sizeof *arguments);
    TRY(read_registers(process, &all));
    set_arguments(&all, arguments);
    return set_call(process, &all, SYS_clone);
}

int tracee_finish_fork(pid_t process, const struct tracee_event *entry) {
#if defined(__x86_64__)
    registers all;
    TRY(read_registers(process, &all));
    set_arguments(&all, entry->arguments);
    return write_registers(process, &all);
#else
    /* The only register that was changed is the one that holds the result now. */
    (void)process;
    (void)entry;
    return 0;
#endif
}

int tracee_refuse(pid_t process) {
    registers all;
    struct tracee_event event;
    TRY(read_registers(process, &all));
    TRY(set_call(process, &all, -1));
    do {
        TRY(tracee_continue(process, 0));
        TRY(tracee_wait(process, &event));
    } while (event.stop != TRACEE_AT_EXIT);
    TRY(read_registers(process, &all));
    set_result(&all, -ENOSYS);
    return write_registers(process, &all);
}

/* ---- Calls ---- */

/* Runs to the next entry or exit. What signals arrive meanwhile are lost: the process has not begun to live. */
static int run_to(pid_t process, enum tracee_stop stop, struct tracee_event *event) {
    do {
        TRY(tracee_continue(process, 0));
        TRY(tracee_wait(process, event));
        if (event->stop == TRACEE_AT_FORK) return -EPROTO;
    } while (event->stop != TRACEE_AT_ENTRY && event->stop != TRACEE_AT_EXIT);
    return event->stop == stop ? 0 : -EPROTO;
}

int tracee_call(pid_t process, long call, const uint64_t arguments[6]) {
    registers before, all;
    struct tracee_event event;
    TRY(read_registers(process, &before));
    all = before;
    set_arguments(&all, arguments);
    TRY(repeat_call(process, &all, call));
    TRY(run_to(process, TRACEE_AT_ENTRY, &event));
    /* The instruction is in memory that may be shared with others, who may have put another there. */
    if (event.call != call || memcmp(event.arguments, arguments, sizeof event.arguments) != 0) return -EPROTO;
    TRY(run_to(process, TRACEE_AT_EXIT, &event));
    TRY(write_registers(process, &before));
    return (int)event.result;
}
