//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The filter is an allow-list. What is not on it fails with EPERM, as if the
// process lacked the right to: the runtime asks for some things that it can do
// without, and a later one may ask for more. What has no other use than to get
// out of here ends the process.

// rule is what the filter says of one system call. Where values or clear is
// set, it is of the 32 bits of argument arg, which is all that the kernel looks
// at in those that are used here; any other value is EPERM.
type rule struct {
	call   int
	action uint32
	arg    int
	values []uint32 // the argument is one of these
	set    uint32   // or it has a bit of these
	clear  uint32   // or it has no bit of these
}

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
	var list []rule
	add := func(calls ...int) {
		for _, call := range calls {
			list = append(list, rule{call: call, action: allow})
		}
	}
	// Bytes between the descriptors that there are, and waiting for them.
	add(unix.SYS_READ, unix.SYS_WRITE, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_PPOLL, unix.SYS_FUTEX,
		unix.SYS_SPLICE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_RECVMSG, unix.SYS_SENDTO,
		unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
		unix.SYS_SOCKETPAIR, unix.SYS_SHUTDOWN, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_DUP3,
		unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_PREAD64)
	add(byteCalls...)
	// The runtime: memory, threads, signals, time.
	add(unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
		unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY,
		unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_MEMBARRIER,
		unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
		unix.SYS_GETRANDOM, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_WAIT4,
		// Taking away yet more from itself.
		unix.SYS_LANDLOCK_RESTRICT_SELF)
	add(runtimeCalls...)
	list = append(list,
		// No memory that was written becomes code.
		rule{call: unix.SYS_MMAP, action: allow, arg: 2, clear: unix.PROT_EXEC},
		rule{call: unix.SYS_MPROTECT, action: allow, arg: 2, clear: unix.PROT_EXEC},
		rule{call: unix.SYS_CLONE, action: allow, arg: 0, set: unix.CLONE_THREAD},
		rule{call: unix.SYS_CLONE3, action: absent},
		rule{call: unix.SYS_TGKILL, action: allow, arg: 0, values: []uint32{uint32(pid)}},
		// No input is made up for a terminal (TIOCSTI), and no signals are
		// asked for by F_SETOWN.
		rule{call: unix.SYS_IOCTL, action: allow, arg: 1, values: []uint32{unix.SIOCINQ, unix.SIOCOUTQ}},
		rule{call: unix.SYS_FCNTL, action: allow, arg: 1, values: []uint32{unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL,
			unix.F_DUPFD_CLOEXEC, unix.F_GETPIPE_SZ, unix.F_SETPIPE_SZ}},
		rule{call: unix.SYS_PRCTL, action: allow, arg: 0, values: []uint32{unix.PR_SET_VMA, unix.PR_SET_NO_NEW_PRIVS}},
		rule{call: unix.SYS_SETSOCKOPT, action: allow, arg: 1, values: []uint32{unix.SOL_SOCKET, unix.SOL_TCP, unix.SOL_TLS}},
	)
	if n.Signal != 0 {
		list = append(list, rule{call: unix.SYS_KILL, action: allow, arg: 0, values: []uint32{uint32(n.Signal)}})
	}
	if len(n.Read) > 0 || n.Replace != "" {
		add(unix.SYS_OPENAT, unix.SYS_GETDENTS64, unix.SYS_LSEEK, unix.SYS_READLINKAT)
		add(fileCalls...)
	}
	if n.Replace != "" {
		add(unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_FLOCK)
		add(renameCalls...)
	}
	if n.Sockets {
		add(unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND)
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

// program makes a filter of rules, with another action for what they do not
// decide. They are tried in blocks, in the order of their calls. Another
// architecture's calls, as those of the 32-bit mode, end the process.
func program(list []rule, otherwise uint32) []bpf.Instruction {
	p := []bpf.Instruction{
		load(offsetArch),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		bpf.RetConstant{Val: kill},
		load(offsetCall),
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b rule) int { return a.call - b.call })
	for rules := range slices.Chunk(list, block) {
		var body []bpf.Instruction
		for _, r := range rules {
			body = append(body, decision(r)...)
		}
		last := uint32(rules[len(rules)-1].call)
		p = append(append(p, bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: last, SkipTrue: uint8(len(body))}), body...)
	}
	return append(p, bpf.RetConstant{Val: otherwise})
}

// decision makes the instructions of one rule. They look at the number of the
// call, and leave it where it is if it is another.
func decision(r rule) []bpf.Instruction {
	body := []bpf.Instruction{bpf.RetConstant{Val: r.action}}
	if r.values != nil || r.set != 0 || r.clear != 0 {
		body = []bpf.Instruction{load(uint32(offsetArgs + 8*r.arg))}
		when := func(test bpf.JumpTest, value uint32) {
			body = append(body, bpf.JumpIf{Cond: test, Val: value, SkipFalse: 1}, bpf.RetConstant{Val: r.action})
		}
		for _, value := range r.values {
			when(bpf.JumpEqual, value)
		}
		if r.set != 0 {
			when(bpf.JumpBitsSet, r.set)
		}
		if r.clear != 0 {
			when(bpf.JumpBitsNotSet, r.clear)
		}
		body = append(body, bpf.RetConstant{Val: deny})
	}
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(r.call), SkipFalse: uint8(len(body))}}, body...)
}

func load(offset uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: offset, Size: 4} }

// narrower makes the filter that is to stand beside the one for what was needed,
// where less is left: of several filters the strictest decides, so that this one
// has only to deny the calls that there is no rule for any more.
func narrower(needed, needs Needs, pid int) []bpf.Instruction {
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
func install(program []bpf.Instruction) error {
	if err := seccompSupport(); err != nil {
		return err
	}
	assembled, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	filter := make([]unix.SockFilter, len(assembled))
	for i, in := range assembled {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	// Both belong to one thread, from which the other ones take them over.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(filter)
	switch {
	case errno != 0:
		return os.NewSyscallError("seccomp", errno)
	case thread != 0: // the one that has another filter of its own
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
