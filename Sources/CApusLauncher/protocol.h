/*
 * The wire between the supervisor and the launcher: one SOCK_SEQPACKET socket pair, one message a packet. The supervisor gets its
 * end from the keeper (keeper.h), for every launcher another.
 *
 * A message is a header (u32 kind, u32 request) and fields without padding, all little-endian:
 *
 *   u32, u64      as they are; i32 and i64 as two's complement
 *   text          u32 length, the bytes, one NUL that the length leaves out; no NUL among the bytes
 *   list of X     u32 count, then each X
 *
 * The supervisor numbers its requests from 1; a reply repeats the number. Descriptors travel as SCM_RIGHTS of the packet.
 * A message that does not parse to its last byte ends the launcher: a supervisor that cannot be understood cannot be served.
 *
 *   HELLO    u32 version · text instance · u32 init uid · u32 flags · u64 memory bytes of all environments together (0: no
 *            limit) · list of text: source roots · list of text: further mount points
 *     reply  u32 cgroup version (0: none) · list of probes (u32 result · text feature · text detail)
 *
 *   PREPARE  u32 0: for START, 1: for FORK (without network and listeners)
 *     reply  u32 slot · u32 mask of the descriptors that follow, in the order of `enum apus_descriptor`
 *
 *   START    u32 slot · text id · u32 flags · place · list of text: arguments · list of text: NAME=VALUE
 *            · text working directory (empty: /var/task; of a cell: /)
 *     reply  nothing, with the descriptors of `enum apus_kept`, and the supervisor's end of the control channel if one
 *            was asked for; sent when the program is about to be executed. After a failure the slot is gone.
 *
 *   A place is u64 memory bytes · i64 CPU quota (microseconds of each period; -1: none) · u64 bytes of /tmp
 *            · u32 processes · u32 descriptors · text code directory (of a cell: empty)
 *            · list of mounts (text source · text target)
 *            A mount at / is the root of a container image. It takes the place of the usual root, and there is no code
 *            directory then. It must have the mount points: /proc, /tmp, /run, and what it is lent (view.h).
 *            The program of an image is found as a shell would: without a slash along PATH, else from the working directory.
 *
 *   SPECIALIZE  u32 slot · place, with the descriptor APUS_KEPT_MOUNTS. Mounts what is named, and sets size and limits;
 *            the limit of descriptors is that of START.
 *     reply  nothing
 *
 *   FORK     u32 slot · u32 slot of the origin, with the supervisor's end of the origin's control channel
 *     reply  nothing, with the descriptors of `enum apus_kept`, the supervisor's end of the control channel, and the
 *            two listeners. After a failure the slot is gone. Forks of one origin take turns.
 *
 *   RESTART  as START, with the descriptors of START's or FORK's reply; the program of the slot has ended. The code and the
 *            limits are those that the slot has: only descriptors, arguments and variables count.
 *     reply  nothing; after a failure the slot is as before. EBUSY: forks of the program live.
 *
 *   OPEN_SOCKET  u32 slot, with the descriptor APUS_KEPT_NETWORK of START's or FORK's reply
 *     reply  nothing, with a TCP socket of the slot's network namespace, neither bound nor connected. EBADF: the descriptor is
 *            not the slot's own.
 *
 *   KILL     u32 slot (no reply). Of a slot that was started and has living forks, the program only.
 *   TERMINATE  u32 slot (no reply). Sends SIGTERM to the program.
 *
 *   CLOSE    u32 slot
 *     reply  nothing; the processes are gone and the slot's number is void. Waits for the slot's living forks.
 *
 *   REPLY    i32 errno (0: success) · text step · fields of the request's reply (HELLO's always, others' on success)
 *   EXITED   u32 slot · u32 cause · i32 value; unsolicited, request 0, once for each environment that was started or forked.
 *            Of a forked one it tells no cause; the init inside has written it to the control channel.
 *
 * A slot has a uid and a gid of its own: HELLO's init uid + 1 + (slot modulo the number of slots).
 */
#ifndef APUS_PROTOCOL_H
#define APUS_PROTOCOL_H

enum {
    APUS_PROTOCOL_VERSION = 3,
    /* Fits the default socket buffer (212,992 bytes with the kernel's own accounting). */
    APUS_MESSAGE_MAX = 128 * 1024,
    APUS_DESCRIPTORS_MAX = 16,
    APUS_PERIOD_MICROSECONDS = 20000,
};

enum apus_kind {
    APUS_HELLO = 1,
    APUS_PREPARE = 2,
    APUS_START = 3,
    APUS_KILL = 4,
    APUS_CLOSE = 5,
    APUS_RESTART = 6,
    APUS_SPECIALIZE = 7,
    APUS_FORK = 8,
    APUS_OPEN_SOCKET = 9,
    APUS_TERMINATE = 10,
    APUS_REPLY = 64,
    APUS_EXITED = 65,
};

enum apus_hello_flags {
    /* Environments reach the network beyond loopback. */
    APUS_WANT_NETWORK = 1,
};

enum apus_start_flags {
    /* Descriptor 4 of the program is a control channel (docs/decisions/0006). The code directory may be empty. */
    APUS_WANT_CONTROL = 1,
};

/* Descriptors of a prepared slot. */
enum apus_descriptor {
    APUS_FD_RUNTIME_API = 0, /* listens on 127.0.0.1:9001 of the environment */
    APUS_FD_PLATFORM_API = 1, /* listens on 127.0.0.1:4566 of the environment */
    APUS_FD_OUTPUT = 2, /* read end of standard output and error */
    APUS_FD_TELEMETRY = 3, /* read end of descriptor 3 */
    APUS_FD_PEAK = 4, /* v1 memory.max_usage_in_bytes, v2 memory.peak or memory.current */
    APUS_FD_CPU = 5, /* v1 cpu.cfs_quota_us, v2 cpu.max; for writing */
    APUS_FD_OOM = 6, /* v1 memory.oom_control, v2 memory.events: a line `oom_kill N` */
    APUS_FD_FREEZE = 7, /* v1 freezer.state (FROZEN, THAWED), v2 cgroup.freeze (1, 0); for writing */
    APUS_FD_USAGE = 8, /* v1 memory.usage_in_bytes, v2 memory.current */
    APUS_FD_LIMIT = 9, /* v1 memory.limit_in_bytes, v2 memory.max; for writing */
    APUS_FD_NOTICE = 10, /* v1 cgroup.event_control, v2 memory.high; for writing */
    APUS_FD_COUNT = 11,
};

/*
 * What a restart needs, and what tells of /tmp. The supervisor keeps it, since every descriptor of the launcher is copied
 * into every child; the launcher recognises what comes back by its inode.
 */
enum apus_kept {
    APUS_KEPT_MOUNTS = 0,
    APUS_KEPT_NETWORK = 1,
    APUS_KEPT_OUTPUT = 2,
    APUS_KEPT_TELEMETRY = 3,
    APUS_KEPT_TEMPORARY = 4, /* the root of /tmp, for statvfs */
    APUS_KEPT_COUNT = 5,
};

enum apus_exit_cause {
    APUS_EXIT_CODE = 0,
    APUS_EXIT_SIGNAL = 1,
    APUS_EXIT_NOT_EXECUTABLE = 2,
    APUS_EXIT_NO_DIRECTORY = 3, /* the working directory could not be entered; `value` is the errno */
};

enum apus_probe_result {
    APUS_PRESENT = 0,
    APUS_DEGRADED = 1,
    APUS_MISSING = 2,
};

#endif
