/*
 * sandbox_calls - which system calls a role may make, and why.
 *
 * A call that no row names kills the process (the master: it fails, see
 * there). Rows of one call are alternatives; the conditions of one row must
 * all hold. Arguments that the kernel takes as 32 bits are compared as such.
 */
#include "sandbox_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* clang-format off */
#define CALL(name, why, ...) { SCMP_SYS(name), #name, why, 0, { __VA_ARGS__ } }
/* Answered with an error: what libraries ask although they can live without. */
#define POLITE(name, errno_, why, ...) { SCMP_SYS(name), #name, why, errno_, { __VA_ARGS__ } }

/* The condition of one argument, counted from 0. */
#define BITS(n) ((uint64_t)(uint32_t)(n))
#define IS(arg, n) { arg, SP_COND_MASKED, UINT32_MAX, BITS(n) }
#define ONLY(arg, bits) { arg, SP_COND_MASKED, UINT32_MAX & ~BITS(bits), 0 } /* no bit but these */
#define NONE_OF(arg, bits) { arg, SP_COND_MASKED, BITS(bits), 0 }
#define IS_BESIDE(arg, bits, n) { arg, SP_COND_MASKED, UINT32_MAX & ~BITS(bits), BITS(n) } /* n, these bits aside */
#define NULL_AT(arg) { arg, SP_COND_MASKED, UINT64_MAX, 0 }
#define OWN_PID(arg) { arg, SP_COND_OWN_PID, 0, 0 }
#define DIR_AT(arg) { arg, SP_COND_DIR, 0, 0 }

#define GROUP(table) { (table), SP_COUNT(table) }
/* clang-format on */

#define RW (PROT_READ | PROT_WRITE)
#define NEW_SOCKET (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define FUTEX_HOW (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

/* ---- every process of ours but the master ---- */

static const struct sp_call every[] = {
	/* memory: anonymous, never executable */
	CALL(brk, "malloc"),
	CALL(mmap, "malloc", ONLY(2, RW), IS_BESIDE(3, MAP_NORESERVE, MAP_PRIVATE | MAP_ANONYMOUS), IS(4, -1)),
	CALL(munmap, "free"),
	CALL(mremap, "realloc", ONLY(3, MREMAP_MAYMOVE)),
	CALL(mprotect, "malloc grows an arena", ONLY(2, RW)),
	CALL(madvise, "free gives pages back", IS(2, MADV_DONTNEED)),

	/* time, chance, who we are */
	CALL(clock_gettime, "the clock, where it is not in the vdso (Xen)"),
	CALL(gettimeofday, "as clock_gettime, by libevent and OpenSSL"),
	CALL(time, "as clock_gettime, by OpenSSL"),
	CALL(getrandom, "request ids, hash keys, TLS"),
	CALL(getpid, "OpenSSL's generator asks whether it was forked; abort"),
	CALL(gettid, "abort"),

	/* signals, and the end */
	CALL(rt_sigreturn, "out of a signal handler"),
	CALL(rt_sigprocmask, "abort; the first turn of an ASYNC job"),
	CALL(rt_sigaction, "abort"),
	CALL(restart_syscall, "poll and futex after SIGSTOP and SIGCONT"),
	CALL(tgkill, "abort: a broken rule of ours ends as SIGABRT", OWN_PID(0), IS(2, SIGABRT)),
	CALL(exit, "the end"),
	CALL(exit_group, "the end"),
	CALL(futex, "a lock of libc or OpenSSL: wait", IS_BESIDE(1, FUTEX_HOW, FUTEX_WAIT)),
	CALL(futex, "wake", IS_BESIDE(1, FUTEX_HOW, FUTEX_WAKE)),
	CALL(futex, "wait until a time", IS_BESIDE(1, FUTEX_HOW, FUTEX_WAIT_BITSET)),

	/* the loop */
	CALL(epoll_wait, "the loop waits"),
	CALL(epoll_pwait, "the same on arm64"),
	CALL(epoll_ctl, "a descriptor comes or goes"),
	CALL(poll, "is this one descriptor broken, or has it room"),
	CALL(ppoll, "the same on arm64"),
	CALL(close, "a descriptor goes"),
	CALL(fcntl, "a spare descriptor for the day without one", IS(1, F_DUPFD_CLOEXEC)),
	CALL(fcntl, "is it close-on-exec (c-ares, libevent)", IS(1, F_GETFD)),
	CALL(fcntl, "it shall be", IS(1, F_SETFD)),
	CALL(fcntl, "is it non-blocking (c-ares, libevent)", IS(1, F_GETFL)),
	CALL(fcntl, "it shall be", IS(1, F_SETFL), ONLY(2, O_RDWR | O_WRONLY | O_APPEND | O_NONBLOCK)),

	/* bytes: sockets, channels between our processes, the log pipe. No address goes with them, no fast open. */
	CALL(read, "bytes in"),
	CALL(readv, "bytes in"),
	CALL(recvfrom, "bytes in", ONLY(3, MSG_DONTWAIT | MSG_PEEK | MSG_NOSIGNAL)),
	CALL(recvmsg, "a message and its descriptor", ONLY(2, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)),
	CALL(write, "bytes out; a line to the log pipe"),
	CALL(writev, "bytes out"),
	CALL(sendto, "bytes out", ONLY(3, MSG_DONTWAIT | MSG_NOSIGNAL), NULL_AT(4)),
	CALL(sendmsg, "bytes out; a message and its descriptor", ONLY(2, MSG_DONTWAIT | MSG_NOSIGNAL)),

	/* what libraries ask by the way */
	POLITE(stat, EACCES, "OpenSSL looks for a file"),
	POLITE(lstat, EACCES, "the same"),
	POLITE(statx, EACCES, "the same by a younger libc"),
	POLITE(access, EACCES, "libc looks for a file"),
	POLITE(faccessat, EACCES, "the same"),
	POLITE(faccessat2, EACCES, "the same"),
	POLITE(readlink, EACCES, "the same"),
	POLITE(readlinkat, EACCES, "the same"),
	POLITE(ioctl, ENOTTY, "stdio asks whether it writes to a terminal"),
};

/* Opening and asking for names: refused politely, in all but the logger. */
static const struct sp_call no_files[] = {
	POLITE(open, EACCES, "libc and OpenSSL look for files: time zone, configuration, random device"),
	POLITE(openat, EACCES, "the same"),
	POLITE(openat2, EACCES, "the same"),
	POLITE(newfstatat, EACCES, "the same; libc's fstat is this call too, and its name cannot be looked at here"),
};

/* A sealed memory file of the master's: the bundle of a configuration. */
static const struct sp_call bundle[] = {
	CALL(mmap, "the bundle, read-only", IS(2, PROT_READ), IS(3, MAP_PRIVATE)),
	CALL(mmap, "the same", IS(2, PROT_READ), IS(3, MAP_SHARED)),
	CALL(lseek, "how long it is"),
	CALL(fstat, "the same"),
	CALL(fcntl, "whether it is sealed", IS(1, F_GET_SEALS)),
};

/* Clients on listening sockets that the master made. */
static const struct sp_call serving[] = {
	CALL(accept4, "a client", ONLY(3, NEW_SOCKET)),
	CALL(shutdown, "we have no more to say"),
	CALL(getsockname, "which of our addresses a client came to"),
	CALL(getsockopt, "has the connect worked", IS(1, SOL_SOCKET), IS(2, SO_ERROR)),
	CALL(setsockopt, "close with a reset", IS(1, SOL_SOCKET), IS(2, SO_LINGER)),
	CALL(setsockopt, "a client hears at once that its hello came", IS(1, IPPROTO_TCP), IS(2, TCP_QUICKACK)),
};

/* Only TCP and, for names, UDP over IP: no raw or netlink socket, no vsock, no Unix socket, no MPTCP (it passes
 * Landlock's ports). Where a connect goes is the egress rules' matter, and Landlock's. */
static const struct sp_call connecting[] = {
	CALL(socket, "to a backend", IS(0, AF_INET), IS_BESIDE(1, NEW_SOCKET, SOCK_STREAM), IS(2, 0)),
	CALL(socket, "the same", IS(0, AF_INET), IS_BESIDE(1, NEW_SOCKET, SOCK_STREAM), IS(2, IPPROTO_TCP)),
	CALL(socket, "the same", IS(0, AF_INET6), IS_BESIDE(1, NEW_SOCKET, SOCK_STREAM), IS(2, 0)),
	CALL(socket, "the same", IS(0, AF_INET6), IS_BESIDE(1, NEW_SOCKET, SOCK_STREAM), IS(2, IPPROTO_TCP)),
	CALL(socket, "to a name server", IS(0, AF_INET), IS_BESIDE(1, NEW_SOCKET, SOCK_DGRAM), IS(2, 0)),
	CALL(socket, "the same", IS(0, AF_INET), IS_BESIDE(1, NEW_SOCKET, SOCK_DGRAM), IS(2, IPPROTO_UDP)),
	CALL(socket, "the same", IS(0, AF_INET6), IS_BESIDE(1, NEW_SOCKET, SOCK_DGRAM), IS(2, 0)),
	CALL(socket, "the same", IS(0, AF_INET6), IS_BESIDE(1, NEW_SOCKET, SOCK_DGRAM), IS(2, IPPROTO_UDP)),
	CALL(connect, "to where the egress rules allow"),
	CALL(setsockopt, "no delay", IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)),
	CALL(setsockopt, "a dead peer is noticed", IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)),
	CALL(setsockopt, "the same: after how long", IS(1, IPPROTO_TCP), IS(2, TCP_KEEPIDLE)),
	CALL(setsockopt, "the same: how often", IS(1, IPPROTO_TCP), IS(2, TCP_KEEPINTVL)),
	CALL(setsockopt, "the same: how many times", IS(1, IPPROTO_TCP), IS(2, TCP_KEEPCNT)),
	CALL(setsockopt, "the same: unanswered bytes", IS(1, IPPROTO_TCP), IS(2, TCP_USER_TIMEOUT)),
};

/* ---- what one role needs beside these ---- */

static const struct sp_call keeper[] = {
	CALL(lseek, "a key file from its start"),
	CALL(fstat, "how long it is"),
	CALL(mlock, "a key's memory is never swapped"),
	CALL(munlock, "until it is wiped"),
	CALL(madvise, "nor part of a core", IS(2, MADV_DONTDUMP)),
};

static const struct sp_call monitor[] = {
	CALL(getsockopt, "who is at the admin socket", IS(1, SOL_SOCKET), IS(2, SO_PEERCRED)),
	CALL(uname, "c-ares asks for our host's name"),
	CALL(clock_getres, "how long another process computed (libc's clock_getcpuclockid)"),
};

#define LOG_FLAGS (O_WRONLY | O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static const struct sp_call logger[] = {
	CALL(pwritev2, "lines to a pipe of somebody else's, who may not empty it", IS(5, RWF_NOWAIT)),
	CALL(openat, "a log or the journal, by its directory", DIR_AT(0), ONLY(2, LOG_FLAGS), ONLY(3, 0640)),
	POLITE(openat, EACCES, "libc looks for the time zone", IS(0, AT_FDCWD)),
	CALL(newfstatat, "is it a regular file (libc's fstat)", IS(3, AT_EMPTY_PATH)),
	CALL(fstat, "the same"),
	CALL(lseek, "the journal from its start"),
	CALL(ftruncate, "the journal's torn last line"),
	CALL(fdatasync, "a ban is on the disk before it is said to be"),
	CALL(renameat, "the new journal in the old one's place", DIR_AT(0), DIR_AT(2)),
	CALL(renameat2, "the same on arm64", DIR_AT(0), DIR_AT(2), IS(4, 0)),
	CALL(unlinkat, "a journal that was not finished", DIR_AT(0), IS(2, 0)),
};

static const struct sp_call worker[] = {
	CALL(pwritev2, "access lines to a pipe that others share", IS(5, RWF_NOWAIT)),
};

/* ---- the master ----
 *
 * It parses no byte of the network, but opens what the configuration names, makes the others and executes the next
 * version of itself in place. Its filter goes on in all of them, so it holds whatever they hold and their start needs:
 * they add their own. And it outlives a change of libc: what it does not know is answered as an old kernel would
 * (ENOSYS), which libraries know how to bear; a killed master would be the end of the gateway. What stays out is
 * what none of ours ever needs: other processes' memory, kernel modules, mounts, name spaces, bpf, io_uring, perf,
 * userfaultfd, keyrings, the clock, raw and netlink sockets, memory that becomes executable.
 */
#define SPACES                                                                                                         \
	(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define MASTER_SEND (MSG_DONTWAIT | MSG_NOSIGNAL)

static const struct sp_call master[] = {
	/* memory: that of a program that is started, too */
	CALL(brk, "malloc"),
	CALL(mmap, "malloc, board, bundle, data of a program", ONLY(2, RW)),
	CALL(mmap, "code of a program from its file", IS(2, PROT_READ | PROT_EXEC),
	     NONE_OF(3, MAP_SHARED | MAP_ANONYMOUS)),
	CALL(munmap, "free"),
	CALL(mremap, "realloc", ONLY(3, MREMAP_MAYMOVE)),
	CALL(mprotect, "malloc; relocations become read-only", ONLY(2, RW)),
	CALL(madvise, "free; a key's memory in no core"),
	CALL(mlock, "the keeper"),
	CALL(munlock, "the keeper"),

	/* time, chance, signals */
	CALL(clock_gettime, "as in every"),
	CALL(clock_getres, "libevent"),
	CALL(clock_nanosleep, "a short wait"),
	CALL(nanosleep, "a short wait"),
	CALL(gettimeofday, "as in every"),
	CALL(time, "as in every"),
	CALL(getrandom, "as in every"),
	CALL(rt_sigreturn, "as in every"),
	CALL(rt_sigprocmask, "as in every"),
	CALL(rt_sigaction, "as in every"),
	CALL(rt_sigpending, "between fork and the loop"),
	CALL(rt_sigtimedwait, "the same"),
	CALL(sigaltstack, "start of a program"),
	CALL(signalfd4, "signals as bytes"),
	CALL(restart_syscall, "as in every"),
	CALL(futex, "locks of libc"),
	CALL(alarm, "a bound on a wait"),

	/* processes */
	CALL(clone, "fork", NONE_OF(0, SPACES)),
	CALL(fork, "fork"),
	CALL(vfork, "fork"),
	CALL(execve, "the new binary in place"),
	CALL(execveat, "the same by descriptor"),
	CALL(wait4, "a child has ended"),
	CALL(waitid, "a child has ended"),
	CALL(kill, "a child shall end"),
	CALL(tgkill, "abort"),
	CALL(exit, "the end"),
	CALL(exit_group, "the end"),
	CALL(getpid, "ours"),
	CALL(gettid, "ours"),
	CALL(getppid, "a child: is the master still there"),
	CALL(getpgrp, "who gets a terminal's signals"),
	CALL(setsid, "away from a terminal"),
	CALL(set_tid_address, "start of a program"),
	CALL(set_robust_list, "start of a program and fork"),
	CALL(rseq, "start of a program"),
	CALL(arch_prctl, "start of a program: thread register"),
	CALL(prlimit64, "limits of a child"),
	CALL(getrlimit, "limits of a child"),
	CALL(setrlimit, "limits of a child"),
	CALL(getrusage, "metrics"),
	CALL(sched_getaffinity, "how many workers"),
	CALL(sched_yield, "libc"),
	CALL(uname, "c-ares in the monitor; version"),
	CALL(sysinfo, "qsort of libc"),
	CALL(umask, "files that we make"),

	/* rights: read, and given up in the children */
	CALL(getuid, "who started us"),
	CALL(geteuid, "who started us"),
	CALL(getgid, "who started us"),
	CALL(getegid, "who started us"),
	CALL(getgroups, "groups are gone"),
	CALL(getresuid, "ids are changed"),
	CALL(getresgid, "ids are changed"),
	CALL(setgroups, "a child gives up groups"),
	CALL(setresgid, "a child's gid"),
	CALL(setresuid, "a child's uid"),
	CALL(setuid, "a child tries to become root again, and must not"),
	CALL(setgid, "the same"),
	CALL(capget, "capabilities that are there"),
	CALL(capset, "capabilities go"),
	CALL(prctl, "flags of a child: dumpable, death signal, privileges"),
	CALL(chroot, "a child's empty root"),
	CALL(landlock_create_ruleset, "a child's Landlock"),
	CALL(landlock_add_rule, "a child's Landlock"),
	CALL(landlock_restrict_self, "a child's Landlock"),
	CALL(seccomp, "a child's filter"),

	/* files: configuration, keys (never read), logs, Unix sockets' paths, the empty root, the board */
	CALL(open, "files that the configuration names"),
	CALL(openat, "the same"),
	CALL(openat2, "the same, without links"),
	CALL(stat, "who may write them"),
	CALL(lstat, "the same"),
	CALL(fstat, "the same"),
	CALL(newfstatat, "the same"),
	CALL(statx, "the same"),
	CALL(access, "may we; start of a program"),
	CALL(faccessat, "the same"),
	CALL(faccessat2, "the same"),
	CALL(readlink, "where a path leads"),
	CALL(readlinkat, "the same"),
	CALL(getcwd, "the same"),
	CALL(getdents64, "conf.d"),
	CALL(lseek, "read again"),
	CALL(pread64, "start of a program"),
	CALL(pwrite64, "bundle"),
	CALL(ftruncate, "bundle, board; the logger's journal"),
	CALL(fallocate, "bundle, board"),
	CALL(memfd_create, "bundle, board"),
	CALL(fsync, "journal"),
	CALL(fdatasync, "journal"),
	CALL(rename, "journal"),
	CALL(renameat, "journal"),
	CALL(renameat2, "journal"),
	CALL(unlink, "a Unix socket's path"),
	CALL(unlinkat, "journal"),
	CALL(mkdir, "the empty root, run/"),
	CALL(mkdirat, "the same"),
	CALL(rmdir, "the empty root loses its name"),
	CALL(chmod, "a Unix socket's mode"),
	CALL(fchmod, "the same"),
	CALL(fchmodat, "the same"),
	CALL(chown, "the same: its owner"),
	CALL(fchown, "the same"),
	CALL(fchownat, "the same"),
	CALL(chdir, "a child's empty root"),
	CALL(fchdir, "a child's empty root"),
	CALL(fstatfs, "what kind of memory file"),
	CALL(flock, "one gateway a state_dir"),
	CALL(inotify_init1, "certificates and lists that change"),
	CALL(inotify_add_watch, "the same"),
	CALL(inotify_rm_watch, "the same"),
	POLITE(ioctl, ENOTTY, "as in every"),

	/* descriptors and the loop */
	CALL(fcntl, "flags, seals, copies"),
	CALL(dup, "copies"),
	CALL(dup2, "copies"),
	CALL(dup3, "copies"),
	CALL(close, "one goes"),
	CALL(close_range, "what a child must not have"),
	CALL(pipe2, "log pipes"),
	CALL(eventfd2, "libevent"),
	CALL(timerfd_create, "libevent"),
	CALL(timerfd_settime, "libevent"),
	CALL(epoll_create1, "the loop"),
	CALL(epoll_create, "the loop"),
	CALL(epoll_ctl, "as in every"),
	CALL(epoll_wait, "as in every"),
	CALL(epoll_pwait, "as in every"),
	CALL(epoll_pwait2, "a younger libevent"),
	CALL(poll, "as in every"),
	CALL(ppoll, "as in every"),
	CALL(read, "bytes in"),
	CALL(readv, "bytes in"),
	CALL(write, "bytes out"),
	CALL(writev, "bytes out"),
	CALL(pwritev2, "the workers' access lines"),

	/* sockets: TCP and UDP over IP without MPTCP, and Unix */
	CALL(socket, "the supervisor, name services", IS(0, AF_UNIX)),
	CALL(socketpair, "channels between our processes", IS(0, AF_UNIX)),
	CALL(bind, "listeners"),
	CALL(listen, "listeners"),
	CALL(accept4, "the children"),
	CALL(connect, "the dialer; is a Unix socket's path still served"),
	CALL(shutdown, "the children"),
	CALL(getsockname, "what a passed descriptor is"),
	CALL(getpeername, "the same"),
	CALL(getsockopt, "the same"),
	CALL(setsockopt, "listeners; the dialer"),
	CALL(recvfrom, "the children"),
	CALL(recvmsg, "channels"),
	CALL(sendto, "the supervisor's datagram", ONLY(3, MASTER_SEND)),
	CALL(sendmsg, "channels", ONLY(2, MASTER_SEND)),
};

/* What the root master works with. It stays uid 0, whom the files of root obey without any capability; these are for the
 * rest. What is gone: SYS_ADMIN, SYS_PTRACE, SYS_MODULE, SYS_RAWIO, NET_ADMIN, NET_RAW, BPF, MKNOD, SYS_BOOT ...
 *
 *  KILL                    children have other users
 *  NET_BIND_SERVICE        a listener that a reload brings
 *  SETUID SETGID SETPCAP   a child that is started anew gives up ids and its bounding set
 *  SYS_CHROOT              and goes into the empty root
 *  DAC_OVERRIDE            logs and Unix sockets in folders of the service user, keys of a certificate tool's user; to open
 *                          a log anew after USR1, reading alone (DAC_READ_SEARCH) is not enough
 *
 * No CHOWN and FOWNER: whatever it makes belongs to root and stays so. No SYS_RESOURCE: limits are raised before. */
#define CAP(name) (UINT64_C(1) << CAP_##name)
#define MASTER_CAPS                                                                                                    \
	(CAP(KILL) | CAP(NET_BIND_SERVICE) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) | CAP(SYS_CHROOT) |              \
	 CAP(DAC_OVERRIDE))

#define MASTER_WITHOUT                                                                                                 \
	(SP_BIT(SP_LAYER_DESCRIPTORS) | SP_BIT(SP_LAYER_ROOT) | SP_BIT(SP_LAYER_IDS) | SP_BIT(SP_LAYER_DEATH) |        \
	 SP_BIT(SP_LAYER_FILES) | SP_BIT(SP_LAYER_PORTS) | SP_BIT(SP_LAYER_SCOPE))

#define KEEPER_MEMLOCK (UINT64_C(1) << 20) /* bytes: OpenSSL's secure heap and some keys */

const struct sp_role_row sp_role_rows[SP_ROLE_COUNT] = {
	[SP_ROLE_MASTER] = {
		.name = "master",
		.groups = { GROUP(connecting), GROUP(master) },
		.otherwise = ENOSYS,
		.without = MASTER_WITHOUT,
		.caps = MASTER_CAPS,
		.may_fork = true,
		.may_write_files = true,
		.memlock = UINT64_MAX, /* the keeper's is made of it */
	},
	[SP_ROLE_KEEPER] = {
		.name = "keeper",
		.groups = { GROUP(every), GROUP(no_files), GROUP(keeper) },
		.memlock = KEEPER_MEMLOCK,
	},
	[SP_ROLE_DIALER] = {
		.name = "dialer",
		.groups = { GROUP(every), GROUP(no_files), GROUP(bundle), GROUP(connecting) },
		.may_connect = true,
	},
	[SP_ROLE_MONITOR] = {
		.name = "monitor",
		.groups = { GROUP(every), GROUP(no_files), GROUP(bundle), GROUP(serving), GROUP(monitor) },
	},
	[SP_ROLE_LOGGER] = {
		.name = "logger",
		.groups = { GROUP(every), GROUP(logger) },
		.without = SP_BIT(SP_LAYER_DEATH), /* it writes what the others said, and goes when its channel ends */
		.may_write_files = true,
	},
	[SP_ROLE_WORKER] = {
		.name = "worker",
		.groups = { GROUP(every), GROUP(no_files), GROUP(bundle), GROUP(serving), GROUP(worker) },
	},
};
