/*
 * The wire between the supervisor and the launcher: one SOCK_SEQPACKET socket pair, one message a packet.
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
 *   HELLO    u32 version · text instance · u32 init uid · u32 flags · list of text: source roots
 *            · list of text: further mount points
 *     reply  u32 cgroup version (0: none) · list of probes (u32 result · text feature · text detail)
 *
 *   PREPARE  nothing
 *     reply  u32 slot · u32 mask of the descriptors that follow, in the order of `enum apus_descriptor`
 *
 *   START    u32 slot · text id · u32 uid · u32 gid · u64 memory bytes · i64 CPU quota (microseconds of each period; -1: none)
 *            · u64 bytes of /tmp · u32 processes · u32 descriptors · text code directory
 *            · list of mounts (text source · text target) · list of text: arguments · list of text: NAME=VALUE
 *     reply  nothing, with the descriptors of `enum apus_kept`; sent when the program is about to be executed.
 *            After a failure the slot is gone.
 *
 *   RESTART  as START, with the descriptors of START's reply; the program of the slot has ended. The limits, the code and
 *            the mounts are those of START: only uid, gid, descriptors, arguments and variables count.
 *     reply  nothing; after a failure the slot is as before.
 *
 *   KILL     u32 slot (no reply)
 *   CLOSE    u32 slot
 *     reply  nothing; the processes are gone and the slot's number is void
 *
 *   REPLY    i32 errno (0: success) · text step · fields of the request's reply (HELLO's always, others' on success)
 *   EXITED   u32 slot · u32 cause · i32 value; unsolicited, request 0, once for each environment that was started
 */
#ifndef APUS_PROTOCOL_H
#define APUS_PROTOCOL_H

enum {
    APUS_PROTOCOL_VERSION = 1,
    /* Fits the default socket buffer (212,992 bytes with the kernel's own accounting). */
    APUS_MESSAGE_MAX = 128 * 1024,
    APUS_DESCRIPTORS_MAX = 8,
    APUS_PERIOD_MICROSECONDS = 20000,
};

enum apus_kind {
    APUS_HELLO = 1,
    APUS_PREPARE = 2,
    APUS_START = 3,
    APUS_KILL = 4,
    APUS_CLOSE = 5,
    APUS_RESTART = 6,
    APUS_REPLY = 64,
    APUS_EXITED = 65,
};

enum apus_hello_flags {
    /* Environments reach the network beyond loopback. */
    APUS_WANT_NETWORK = 1,
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
    APUS_FD_COUNT = 7,
};

/*
 * What a restart needs. The supervisor keeps it, since every descriptor of the launcher is copied into every child; the
 * launcher recognises what comes back by its inode.
 */
enum apus_kept {
    APUS_KEPT_MOUNTS = 0,
    APUS_KEPT_NETWORK = 1,
    APUS_KEPT_OUTPUT = 2,
    APUS_KEPT_TELEMETRY = 3,
    APUS_KEPT_COUNT = 4,
};

enum apus_exit_cause {
    APUS_EXIT_CODE = 0,
    APUS_EXIT_SIGNAL = 1,
    APUS_EXIT_NOT_EXECUTABLE = 2,
};

enum apus_probe_result {
    APUS_PRESENT = 0,
    APUS_DEGRADED = 1,
    APUS_MISSING = 2,
};

#endif
