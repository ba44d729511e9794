/*
 * escape - what a taken-over process would try, one function an attempt.
 *
 * Each returns 0 when it got away with it, else the errno that stopped it; or
 * the kernel kills the process. A kit holds descriptors that the process was
 * given before its sandbox closed, so that an attempt does not fail for want
 * of a socket.
 */
#ifndef T_ESCAPE_H
#define T_ESCAPE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define ESCAPE_KILLED (-1) /* as an outcome: SIGSYS */
#define ESCAPE_ABSTRACT "sallyport-escape" /* with a 0 byte before it and the parent's pid behind it */

struct escape_kit {
	int tcp, udp, local; /* sockets: not connected, not bound */
	int bundle; /* a memory file */
	int dir; /* of files, or -1 */
	uint16_t port; /* TCP on 127.0.0.1: somebody listens, nobody may go there */
	pid_t parent; /* part of the abstract socket's name */
	pid_t victim; /* another process; best one of the same user */
	char *page; /* one of ours, readable and writable */
};

static inline int escape_result(long rc)
{
	return rc < 0 ? errno : 0;
}

static inline struct sockaddr_in escape_addr(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static inline socklen_t escape_abstract(struct sockaddr_un *sun, pid_t parent)
{
	static const char name[] = ESCAPE_ABSTRACT;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path + 1, name, sizeof(name));
	memcpy(sun->sun_path + 1 + sizeof(name), &parent, sizeof(parent));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(name) + sizeof(parent));
}

#define ESCAPE(name) static inline int escape_##name(const struct escape_kit *kit)
#define ESCAPE_CALL(name, ...)                                                                                         \
	ESCAPE(name)                                                                                                   \
	{                                                                                                              \
		(void)kit;                                                                                             \
		return escape_result(syscall(__VA_ARGS__));                                                            \
	}

/* ---- network ---- */

ESCAPE(connect)
{
	struct sockaddr_in to = escape_addr(kit->port);

	return escape_result(connect(kit->tcp, (struct sockaddr *)&to, sizeof(to)));
}

ESCAPE(fast_open_sendto)
{
	struct sockaddr_in to = escape_addr(kit->port);

	return escape_result(sendto(kit->tcp, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
}

ESCAPE(fast_open_sendmsg)
{
	struct sockaddr_in to = escape_addr(kit->port);
	struct iovec v = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &v, .msg_iovlen = 1 };

	return escape_result(sendmsg(kit->tcp, &m, MSG_FASTOPEN));
}

ESCAPE(fast_open_flag)
{
	return escape_result(sendto(kit->tcp, "x", 1, MSG_FASTOPEN, NULL, 0));
}

ESCAPE(fast_open_option)
{
	int on = 1;

	return escape_result(setsockopt(kit->tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)));
}

ESCAPE(bind)
{
	struct sockaddr_in at = escape_addr(0);

	return escape_result(bind(kit->tcp, (struct sockaddr *)&at, sizeof(at)));
}

ESCAPE(listen)
{
	return escape_result(listen(kit->tcp, 1));
}

ESCAPE(udp_sendto)
{
	struct sockaddr_in to = escape_addr(kit->port);

	return escape_result(sendto(kit->udp, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
}

ESCAPE(abstract_unix)
{
	struct sockaddr_un sun;
	socklen_t n = escape_abstract(&sun, kit->parent);

	return escape_result(connect(kit->local, (struct sockaddr *)&sun, n));
}

ESCAPE(pathname_unix)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "/escape/none" };

	return escape_result(connect(kit->local, (struct sockaddr *)&sun, sizeof(sun)));
}

#define ESCAPE_MPTCP 262
#define ESCAPE_VSOCK 40
ESCAPE_CALL(tcp_socket, SYS_socket, AF_INET, SOCK_STREAM, 0)
ESCAPE_CALL(tcp6_socket, SYS_socket, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)
ESCAPE_CALL(udp_socket, SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP)
ESCAPE_CALL(mptcp_socket, SYS_socket, AF_INET, SOCK_STREAM, ESCAPE_MPTCP)
ESCAPE_CALL(icmp_socket, SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
ESCAPE_CALL(raw_socket, SYS_socket, AF_INET, SOCK_RAW, IPPROTO_TCP)
ESCAPE_CALL(packet_socket, SYS_socket, AF_PACKET, SOCK_RAW, 0)
ESCAPE_CALL(netlink_socket, SYS_socket, AF_NETLINK, SOCK_RAW, 0)
ESCAPE_CALL(vsock_socket, SYS_socket, ESCAPE_VSOCK, SOCK_STREAM, 0)
ESCAPE_CALL(alg_socket, SYS_socket, AF_ALG, SOCK_SEQPACKET, 0)
ESCAPE_CALL(unix_socket, SYS_socket, AF_UNIX, SOCK_STREAM, 0)

ESCAPE(socketpair)
{
	int fds[2];

	(void)kit;
	return escape_result(socketpair(AF_INET, SOCK_STREAM, 0, fds));
}

ESCAPE(bind_device)
{
	return escape_result(setsockopt(kit->tcp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
}

/* Numbers that are fine beside other ones: each condition of a row must count. */
ESCAPE_CALL(udp_as_tcp, SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_TCP)
ESCAPE_CALL(tcp_as_udp, SYS_socket, AF_INET6, SOCK_STREAM, IPPROTO_UDP)
ESCAPE_CALL(unix_datagram, SYS_socket, AF_UNIX, SOCK_DGRAM, 0)

ESCAPE(option_of_tcp)
{
	int on = 1;

	return escape_result(setsockopt(kit->tcp, IPPROTO_TCP, SO_KEEPALIVE, &on, sizeof(on)));
}

ESCAPE(option_of_socket)
{
	int on = 1;

	return escape_result(setsockopt(kit->tcp, SOL_SOCKET, TCP_NODELAY, &on, sizeof(on)));
}

/* ---- files ---- */

ESCAPE(open)
{
	int fd = open("/etc/passwd", O_RDONLY);

	(void)kit;
	return escape_result(fd);
}

ESCAPE_CALL(openat2, SYS_openat2, AT_FDCWD, "/etc/passwd", (uint64_t[3]){ 0, 0, 0 }, 24)

ESCAPE(open_beside)
{
	return escape_result(openat(kit->dir, "../passwd", O_WRONLY | O_CREAT, 0640));
}

ESCAPE(open_absolute)
{
	return escape_result(openat(kit->dir, "/etc/passwd", O_RDONLY));
}

ESCAPE(open_truncate)
{
	return escape_result(openat(kit->dir, "log", O_WRONLY | O_CREAT | O_TRUNC, 0640));
}

ESCAPE(open_setuid)
{
	return escape_result(openat(kit->dir, "log", O_WRONLY | O_CREAT, 04755));
}

ESCAPE(stat)
{
	struct stat st;

	(void)kit;
	return escape_result(stat("/etc/passwd", &st));
}

ESCAPE(access)
{
	(void)kit;
	return escape_result(access("/etc/passwd", R_OK));
}

ESCAPE_CALL(getcwd, SYS_getcwd, (char[256]){ 0 }, 256)
ESCAPE_CALL(mkdir, SYS_mkdirat, AT_FDCWD, "/escape", 0755)
ESCAPE_CALL(unlink, SYS_unlinkat, AT_FDCWD, "/escape/none", 0)
ESCAPE_CALL(chdir, SYS_chdir, "/")
ESCAPE_CALL(fchdir, SYS_fchdir, kit->dir)
ESCAPE_CALL(chroot, SYS_chroot, "/")
ESCAPE_CALL(mount, SYS_mount, "none", "/", "escape", 0, NULL)
ESCAPE_CALL(terminal_input, SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x")

/* ---- other ways into the kernel ---- */

ESCAPE_CALL(memfd_create, SYS_memfd_create, "x", 0)
ESCAPE_CALL(memfd_secret, SYS_memfd_secret, 0)
ESCAPE_CALL(io_uring, SYS_io_uring_setup, 4, (char[128]){ 0 })
ESCAPE_CALL(bpf, SYS_bpf, 0, (char[128]){ 0 }, 128)
ESCAPE_CALL(perf, SYS_perf_event_open, (char[128]){ 0 }, 0, -1, -1, 0)
ESCAPE_CALL(userfaultfd, SYS_userfaultfd, 1)
ESCAPE_CALL(keyctl, SYS_keyctl, 0, -3, 1)
ESCAPE_CALL(add_key, SYS_add_key, "user", "x", "x", 1, -1)
ESCAPE_CALL(shmget, SYS_shmget, 0, 4096, 01600)
ESCAPE_CALL(mq_open, SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, NULL)
ESCAPE_CALL(splice, SYS_splice, kit->bundle, NULL, kit->bundle, NULL, 1, 0)
ESCAPE_CALL(futex_pi, SYS_futex, kit->page, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0)
ESCAPE_CALL(signal_owner, SYS_fcntl, kit->tcp, F_SETOWN, kit->victim)
ESCAPE_CALL(personality, SYS_personality, 0x0040000)
ESCAPE_CALL(clock_set, SYS_clock_settime, 0, (struct timespec[1]){ { 1, -1 } })

/* ---- other processes ---- */

#define ESCAPE_NO_THREAD 0x3ffffff /* more than there can be: if the filter let it pass, nobody would be hurt */

ESCAPE_CALL(clone, SYS_clone, SIGCHLD, 0, 0, 0, 0)
ESCAPE_CALL(clone3, SYS_clone3, (uint64_t[8]){ 0, 0, 0, 0, SIGCHLD }, 64)
ESCAPE_CALL(clone_user_ns, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)
ESCAPE_CALL(thread, SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0, 0)
ESCAPE_CALL(kill_parent, SYS_kill, kit->victim, 0)
ESCAPE_CALL(tgkill_parent, SYS_tgkill, kit->victim, ESCAPE_NO_THREAD, SIGABRT)
ESCAPE_CALL(tgkill_other_signal, SYS_tgkill, getpid(), getpid(), SIGUSR1)
ESCAPE_CALL(pidfd_open, SYS_pidfd_open, kit->victim, 0)
ESCAPE_CALL(ptrace, SYS_ptrace, PTRACE_SEIZE, kit->victim, 0, 0)
ESCAPE_CALL(unshare_user, SYS_unshare, CLONE_NEWUSER)
ESCAPE_CALL(setns, SYS_setns, kit->dir, 0)
ESCAPE_CALL(setuid_root, SYS_setuid, 0)
ESCAPE_CALL(rlimit, SYS_prlimit64, 0, 7, (uint64_t[2]){ 1 << 20, 1 << 20 }, NULL)
ESCAPE_CALL(prctl, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
ESCAPE_CALL(capset, SYS_capset, (uint32_t[2]){ _LINUX_CAPABILITY_VERSION_3, 0 }, (uint32_t[6]){ 0 })

ESCAPE(read_parent)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { kit->page, 1 };

	return escape_result(process_vm_readv(kit->victim, &mine, 1, &theirs, 1, 0));
}

ESCAPE(execve)
{
	char *argv[] = { (char[]){ "true" }, NULL }, *envp[] = { NULL };

	(void)kit;
	return escape_result(execve("/bin/true", argv, envp));
}

ESCAPE(execveat)
{
	char *argv[] = { (char[]){ "true" }, NULL }, *envp[] = { NULL };

	return escape_result(syscall(SYS_execveat, kit->bundle, "", argv, envp, AT_EMPTY_PATH));
}

/* ---- memory that runs ---- */

ESCAPE(mprotect_exec)
{
	return escape_result(mprotect(kit->page, 4096, PROT_READ | PROT_EXEC));
}

ESCAPE(mmap_exec)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)kit;
	return p == MAP_FAILED ? errno : 0;
}

ESCAPE(mmap_file_exec)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, kit->bundle, 0);

	return p == MAP_FAILED ? errno : 0;
}

ESCAPE(mmap_file_write)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, kit->bundle, 0);

	return p == MAP_FAILED ? errno : 0;
}

ESCAPE_CALL(mremap_fixed, SYS_mremap, kit->page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, kit->page + 4096)
ESCAPE_CALL(madvise_other, SYS_madvise, kit->page, 4096, MADV_MERGEABLE)
ESCAPE_CALL(pkey_mprotect, SYS_pkey_mprotect, kit->page, 4096, PROT_READ | PROT_EXEC, -1)

/* ---- calls of one architecture, and other numberings of calls ---- */

#ifdef __x86_64__
#define ESCAPE_X32_BIT 0x40000000L
ESCAPE_CALL(open_old, SYS_open, "/etc/passwd", O_RDONLY)
ESCAPE_CALL(modify_ldt, SYS_modify_ldt, 0, (char[16]){ 0 }, 16)
ESCAPE_CALL(x32, SYS_getpid | ESCAPE_X32_BIT)

ESCAPE(int80)
{
	long rc;

	(void)kit;
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L /* getpid */) : "memory", "r8", "r9", "r10", "r11");
	return rc < 0 ? (int)-rc : 0;
}
#endif

/* ---- all of them ---- */

struct escape {
	const char *name;
	int (*run)(const struct escape_kit *kit);
};

#define ESCAPE_ROW(name)                                                                                               \
	{                                                                                                              \
#name, escape_##name                                                                                   \
	}

static const struct escape escapes[] = {
	ESCAPE_ROW(connect),
	ESCAPE_ROW(fast_open_sendto),
	ESCAPE_ROW(fast_open_sendmsg),
	ESCAPE_ROW(fast_open_flag),
	ESCAPE_ROW(fast_open_option),
	ESCAPE_ROW(bind),
	ESCAPE_ROW(listen),
	ESCAPE_ROW(udp_sendto),
	ESCAPE_ROW(abstract_unix),
	ESCAPE_ROW(pathname_unix),
	ESCAPE_ROW(tcp_socket),
	ESCAPE_ROW(tcp6_socket),
	ESCAPE_ROW(udp_socket),
	ESCAPE_ROW(mptcp_socket),
	ESCAPE_ROW(icmp_socket),
	ESCAPE_ROW(raw_socket),
	ESCAPE_ROW(packet_socket),
	ESCAPE_ROW(netlink_socket),
	ESCAPE_ROW(vsock_socket),
	ESCAPE_ROW(alg_socket),
	ESCAPE_ROW(unix_socket),
	ESCAPE_ROW(socketpair),
	ESCAPE_ROW(bind_device),
	ESCAPE_ROW(udp_as_tcp),
	ESCAPE_ROW(tcp_as_udp),
	ESCAPE_ROW(unix_datagram),
	ESCAPE_ROW(option_of_tcp),
	ESCAPE_ROW(option_of_socket),
	ESCAPE_ROW(open),
	ESCAPE_ROW(openat2),
	ESCAPE_ROW(open_beside),
	ESCAPE_ROW(open_absolute),
	ESCAPE_ROW(open_truncate),
	ESCAPE_ROW(open_setuid),
	ESCAPE_ROW(stat),
	ESCAPE_ROW(access),
	ESCAPE_ROW(getcwd),
	ESCAPE_ROW(mkdir),
	ESCAPE_ROW(unlink),
	ESCAPE_ROW(chdir),
	ESCAPE_ROW(fchdir),
	ESCAPE_ROW(chroot),
	ESCAPE_ROW(mount),
	ESCAPE_ROW(terminal_input),
	ESCAPE_ROW(memfd_create),
	ESCAPE_ROW(memfd_secret),
	ESCAPE_ROW(io_uring),
	ESCAPE_ROW(bpf),
	ESCAPE_ROW(perf),
	ESCAPE_ROW(userfaultfd),
	ESCAPE_ROW(keyctl),
	ESCAPE_ROW(add_key),
	ESCAPE_ROW(shmget),
	ESCAPE_ROW(mq_open),
	ESCAPE_ROW(splice),
	ESCAPE_ROW(futex_pi),
	ESCAPE_ROW(signal_owner),
	ESCAPE_ROW(personality),
	ESCAPE_ROW(clock_set),
	ESCAPE_ROW(clone),
	ESCAPE_ROW(clone3),
	ESCAPE_ROW(clone_user_ns),
	ESCAPE_ROW(thread),
	ESCAPE_ROW(kill_parent),
	ESCAPE_ROW(tgkill_parent),
	ESCAPE_ROW(tgkill_other_signal),
	ESCAPE_ROW(pidfd_open),
	ESCAPE_ROW(ptrace),
	ESCAPE_ROW(unshare_user),
	ESCAPE_ROW(setns),
	ESCAPE_ROW(setuid_root),
	ESCAPE_ROW(rlimit),
	ESCAPE_ROW(prctl),
	ESCAPE_ROW(capset),
	ESCAPE_ROW(read_parent),
	ESCAPE_ROW(execve),
	ESCAPE_ROW(execveat),
	ESCAPE_ROW(mprotect_exec),
	ESCAPE_ROW(mmap_exec),
	ESCAPE_ROW(mmap_file_exec),
	ESCAPE_ROW(mmap_file_write),
	ESCAPE_ROW(pkey_mprotect),
	ESCAPE_ROW(mremap_fixed),
	ESCAPE_ROW(madvise_other),
#ifdef __x86_64__
	ESCAPE_ROW(open_old),
	ESCAPE_ROW(modify_ldt),
	ESCAPE_ROW(x32),
	ESCAPE_ROW(int80),
#endif
};

#endif
