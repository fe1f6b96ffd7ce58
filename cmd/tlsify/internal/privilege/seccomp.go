//go:build linux

package privilege

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter is an allow-list. What is not on it fails with EPERM, as if the
// process lacked the right to: the runtime asks for some things that it can do
// without, and a later one may ask for more. What has no other use than to get
// out of here ends the process.

// rule is what the filter says of one system call. Where there are tests, all
// of them have to pass for its action; else it is EPERM.
type rule struct {
	call   int
	action uint32
	tests  []test
}

// test looks at the low half of an argument, which is all that the kernel looks at in most
// of those that are tested here, or at the high one.
type test struct {
	arg    int
	high   bool
	values []uint32 // it is one of these
	set    uint32   // or, it has a bit of these
	clear  uint32   // or, it has no bit of these
}

// oneOf and without are the tests that there are most of.
func oneOf(arg int, values ...uint32) test { return test{arg: arg, values: values} }
func without(arg int, bits uint32) test    { return test{arg: arg, clear: bits} }

// all are the tests that both halves of each of some arguments have a value.
func all(value uint32, args ...int) (tests []test) {
	for _, arg := range args {
		tests = append(tests, oneOf(arg, value), test{arg: arg, high: true, values: []uint32{value}})
	}
	return tests
}

// The options of SOL_TLS (linux/tls.h). TLS_TX has the number of TCP_NODELAY.
const tlsRX = 2

// threadFlags are what a thread is made with, by the runtime and, with cgo, by a C
// library.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD |
	unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_DETACHED

const (
	allow = unix.SECCOMP_RET_ALLOW
	deny  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// absent makes the C library, where there is one, take the older call,
	// whose arguments a filter can see.
	absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	kill   = unix.SECCOMP_RET_KILL_PROCESS
)

// rules makes the allow-list.
func rules(n Needs, pid int) []rule {
	list := make([]rule, 0, 128)
	add := func(calls ...int) {
		for _, call := range calls {
			list = append(list, rule{call: call, action: allow})
		}
	}
	when := func(call int, tests ...test) { list = append(list, rule{call, allow, tests}) }
	// Bytes between the descriptors that there are, and waiting for them.
	add(unix.SYS_READ, unix.SYS_WRITE, unix.SYS_RECVFROM, unix.SYS_PPOLL, unix.SYS_FUTEX,
		unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_RECVMSG,
		unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
		unix.SYS_SHUTDOWN, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_DUP3,
		unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_PREAD64)
	add(byteCalls...)
	// Where the descriptor is, and nowhere else in a file of the caller's. Nor is one that
	// is only added to (O_APPEND) made another.
	when(unix.SYS_PREADV2, append(all(1<<32-1, 3), oneOf(5, unix.RWF_NOWAIT))...)
	when(unix.SYS_PWRITEV2, append(all(1<<32-1, 3), oneOf(5, unix.RWF_NOWAIT))...)
	when(unix.SYS_SPLICE, all(0, 1, 3)...)
	// The runtime: memory, threads, signals, time.
	add(unix.SYS_MUNMAP, unix.SYS_BRK, unix.SYS_MINCORE,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY,
		unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
		unix.SYS_GETRANDOM, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_WAIT4,
		// Taking away yet more from itself.
		unix.SYS_LANDLOCK_RESTRICT_SELF)
	add(runtimeCalls...)
	// To where a socket is connected, and to no address. By sendmsg one can be
	// given that no filter sees: no socket is made here that would take it. A
	// Fast Open is a connect.
	when(unix.SYS_SENDTO, oneOf(5, 0), without(3, unix.MSG_FASTOPEN))
	when(unix.SYS_SENDMSG, without(2, unix.MSG_FASTOPEN))
	// No memory that was written becomes code.
	when(mmapCall, without(2, unix.PROT_EXEC))
	when(unix.SYS_MPROTECT, without(2, unix.PROT_EXEC))
	// Nor is memory taken from the whole machine for good, as root can by
	// MADV_HWPOISON and MADV_SOFT_OFFLINE, which are above all that have a use.
	when(unix.SYS_MADVISE, without(2, ^uint32(63)))
	// A thread, and for root none in a namespace of its own.
	when(unix.SYS_CLONE, test{arg: 0, set: unix.CLONE_THREAD}, without(0, ^uint32(threadFlags)))
	list = append(list, rule{call: unix.SYS_CLONE3, action: absent})
	when(unix.SYS_TGKILL, oneOf(0, uint32(pid)))
	// No input is made up for a terminal (TIOCSTI), and no signals are asked for
	// by F_SETOWN.
	when(unix.SYS_IOCTL, oneOf(1, unix.SIOCINQ, unix.SIOCOUTQ))
	commands := []uint32{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL,
		unix.F_DUPFD_CLOEXEC, unix.F_GETPIPE_SZ, unix.F_SETPIPE_SZ}
	if n.Rewrite {
		add(unix.SYS_PWRITE64, unix.SYS_FTRUNCATE)
		commands = append(commands, unix.F_SETLK)
	}
	if n.Unblock {
		commands = append(commands, unix.F_SETFL)
	}
	when(unix.SYS_FCNTL, oneOf(1, commands...))
	when(unix.SYS_PRCTL, oneOf(0, unix.PR_SET_VMA, unix.PR_SET_NO_NEW_PRIVS))
	// No option from 64 on: SO_PEERPIDFD and SO_PASSPIDFD give descriptors of other
	// processes, which could come to have the number that signals are allowed by.
	when(unix.SYS_GETSOCKOPT, without(2, ^uint32(63)))
	// What is carried at once (TCP_NODELAY, TCP_QUICKACK), and the keys to the kernel
	// (TCP_ULP, TLS_TX, TLS_RX). There are options to give it programs to run
	// (SO_ATTACH_FILTER), have it load modules (TCP_CONGESTION) and, for root, to be
	// sent elsewhere (SO_BINDTODEVICE, SO_MARK, TCP_REPAIR).
	levels, options := []uint32{unix.SOL_TCP, unix.SOL_TLS}, []uint32{unix.TCP_NODELAY, tlsRX, unix.TCP_QUICKACK, unix.TCP_ULP}
	if n.Sockets { // package net's, and ours for Fast Open
		levels = append(levels, unix.SOL_SOCKET)
		options = append(options, unix.SO_KEEPALIVE, unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_SYNCNT, unix.TCP_FASTOPEN_CONNECT)
	}
	when(unix.SYS_SETSOCKOPT, oneOf(1, levels...), oneOf(2, options...))
	if n.Signal != 0 {
		when(unix.SYS_PIDFD_SEND_SIGNAL, oneOf(0, uint32(n.Signal)), oneOf(3, 0)) // and not to its group
	}
	if n.Kill != 0 {
		when(unix.SYS_KILL, oneOf(0, uint32(n.Kill)))
	}
	if n.Reads() || n.Replace != "" {
		add(unix.SYS_OPENAT, unix.SYS_GETDENTS64, unix.SYS_READLINKAT)
		add(fileCalls...)
	}
	if n.Replace != "" {
		add(unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_FLOCK)
		add(renameCalls...)
	}
	if n.Sockets {
		add(unix.SYS_CONNECT, unix.SYS_BIND)
		when(unix.SYS_SOCKET, oneOf(0, unix.AF_INET, unix.AF_INET6),
			oneOf(1, unix.SOCK_STREAM, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK),
			oneOf(2, 0, unix.IPPROTO_TCP)) // and not MPTCP, SCTP or SMC
	}
	if n.Narrowed {
		add(unix.SYS_SECCOMP)
	}
	for _, call := range []int{unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV} {
		list = append(list, rule{call: call, action: kill})
	}
	return list
}

// Where struct seccomp_data has what the filter looks at. The low half of an
// argument comes first: every architecture here is little-endian.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16
)

// block is how many rules are passed over at once: the kernel runs a filter that
// it is given for every call there is, to know of those that it always allows.
const block = 8

// step is an instruction on its way into a filter. A jump passes over so many behind it,
// or leads to an end, which [to] gives a number below 0 for.
type step struct {
	code       uint16
	k          uint32
	holds, not int
}

// ends are all that can become of a call. They stand behind everything else, once each:
// every instruction has to be checked and translated by the kernel, in every process.
var ends = []uint32{allow, deny, absent, kill}

func to(action uint32) int {
	i := slices.Index(ends, action)
	if i < 0 {
		panic("a system call filter with another end")
	}
	return -1 - i
}

func load(offset uint32) step { return step{code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, k: offset} }

func jump(comparison uint16, with uint32, holds, not int) step {
	return step{unix.BPF_JMP | unix.BPF_K | comparison, with, holds, not}
}

// program makes a filter of rules, with another action for what they do not
// decide. They are tried in blocks, in the order of their calls. Another
// architecture's calls, as those of the 32-bit mode, end the process.
func program(list []rule, otherwise uint32) []unix.SockFilter {
	steps := make([]step, 0, 2*len(list)) // each process makes one at its start, so that time counts
	steps = append(steps, load(offsetArch), jump(unix.BPF_JEQ, auditArch, 0, to(kill)), load(offsetCall))
	order := make([]int, len(list)) // numbers of calls, each with where its rule is
	for i, r := range list {
		order[i] = r.call<<16 | i
	}
	slices.Sort(order)
	for len(order) > 0 {
		calls := order[:min(block, len(order))]
		order = order[len(calls):]
		start, last := len(steps), calls[len(calls)-1]
		steps = append(steps, jump(unix.BPF_JGT, uint32(last>>16), to(otherwise), 0))
		for _, call := range calls {
			r, at := list[call&(1<<16-1)], len(steps)
			steps = append(steps, jump(unix.BPF_JEQ, uint32(r.call), 0, to(otherwise)))
			if len(r.tests) == 0 {
				steps[at].holds = to(r.action)
			}
			for i, t := range r.tests {
				passed := 0
				if i == len(r.tests)-1 {
					passed = to(r.action)
				}
				steps = t.add(steps, passed)
			}
			if call != last {
				steps[at].not = len(steps) - at - 1
			}
		}
		if len(order) > 0 {
			steps[start].holds = len(steps) - start - 1
		}
	}
	return assemble(append(steps, jump(unix.BPF_JEQ, 0, to(otherwise), to(otherwise)))) // of no rules at all
}

// add adds a test's instructions, of which the last lead to where it goes on when it is
// passed.
func (t test) add(steps []step, passed int) []step {
	at := uint32(offsetArgs + 8*t.arg)
	if t.high {
		at += 4
	}
	steps = append(steps, load(at))
	switch {
	case t.set != 0:
		return append(steps, jump(unix.BPF_JSET, t.set, passed, to(deny)))
	case t.clear != 0:
		return append(steps, jump(unix.BPF_JSET, t.clear, to(deny), passed))
	}
	for i, value := range t.values {
		left := len(t.values) - 1 - i
		holds, not := passed, 0
		if passed == 0 {
			holds = left
		}
		if left == 0 {
			not = to(deny)
		}
		steps = append(steps, jump(unix.BPF_JEQ, value, holds, not))
	}
	return steps
}

// assemble puts the ends behind the steps. No jump is too far for the kernel's eight
// bits, whatever is needed: a rule more than there is room for is a fault of ours.
func assemble(steps []step) []unix.SockFilter {
	p := make([]unix.SockFilter, 0, len(steps)+len(ends))
	for at, s := range steps {
		distance := func(over int) uint8 {
			if over < 0 {
				over = len(steps) - 1 - over - at - 1
			}
			if over > math.MaxUint8 {
				panic("a system call filter with too many rules")
			}
			return uint8(over)
		}
		p = append(p, unix.SockFilter{Code: s.code, Jt: distance(s.holds), Jf: distance(s.not), K: s.k})
	}
	for _, action := range ends {
		p = append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action})
	}
	return p
}

// narrower makes the filter that is to stand beside the one for what was needed,
// where less is left: of several filters the strictest decides, so that this one
// has only to deny the calls that there is no rule for any more.
func narrower(needed, needs Needs, pid int) []unix.SockFilter {
	left := rules(needs, pid)
	gone := slices.DeleteFunc(rules(needed, pid), func(r rule) bool {
		return slices.ContainsFunc(left, func(l rule) bool { return l.call == r.call })
	})
	for i := range gone {
		gone[i] = rule{call: gone[i].call, action: deny}
	}
	return program(gone, allow)
}

// install has the kernel put a filter on every thread.
func install(filter []unix.SockFilter) error {
	if err := seccompSupport(); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread := filterAll(&prog)
	runtime.KeepAlive(filter)
	switch {
	case thread < 0:
		return os.NewSyscallError("seccomp", unix.Errno(-thread))
	case thread > 0: // the one that has another filter of its own
		return fmt.Errorf("seccomp: thread %d cannot be filtered", thread)
	}
	return nil
}

// seccompSupport says why there can be no filter, or nil.
func seccompSupport() error {
	if auditArch == 0 {
		return errors.New("there is no seccomp filter for " + runtime.GOARCH)
	}
	action := uint32(kill)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	if errno != 0 {
		return fmt.Errorf("the kernel has no seccomp filters, or does not let them be used: %w", errno)
	}
	return nil
}
