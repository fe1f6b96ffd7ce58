//go:build linux

package privilege

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const testPID = 4711

// decide runs the filter for needs in a machine that is not the kernel's.
func decide(t *testing.T, n Needs, arch, call uint32, args ...uint64) uint32 {
	t.Helper()
	return run(t, program(rules(n, testPID), deny), arch, call, args...)
}

func run(t *testing.T, filter []unix.SockFilter, arch, call uint32, args ...uint64) uint32 {
	t.Helper()
	raw := make([]bpf.RawInstruction, len(filter))
	for i, in := range filter {
		raw[i] = bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	program, all := bpf.Disassemble(raw)
	if !all {
		t.Fatalf("not every instruction is one: %v", filter)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	// That machine reads words as the network has them; the kernel's reads
	// them as they are.
	var data [64]byte
	binary.BigEndian.PutUint32(data[offsetCall:], call)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	for i, arg := range args {
		binary.BigEndian.PutUint32(data[offsetArgs+8*i:], uint32(arg))
		binary.BigEndian.PutUint32(data[offsetArgs+8*i+4:], uint32(arg>>32))
	}
	action, err := vm.Run(data[:])
	if err != nil {
		t.Fatal(err)
	}
	return uint32(action)
}

// The filter says of each call, and each of its arguments, what it is meant to.
func TestFilterDecides(t *testing.T) {
	if auditArch == 0 {
		t.Skip("there is no filter for this architecture")
	}
	none, files, reading := Needs{}, Needs{Replace: "/dir"}, Needs{Read: []string{"/dir"}}
	for _, c := range []struct {
		name  string
		needs Needs
		call  uint32
		args  []uint64
		want  uint32
	}{
		{"read", none, unix.SYS_READ, nil, allow},
		{"sendmsg", none, unix.SYS_SENDMSG, nil, allow},
		{"exit_group", none, unix.SYS_EXIT_GROUP, nil, allow},
		{"openat", none, unix.SYS_OPENAT, nil, deny},
		{"openat to read", reading, unix.SYS_OPENAT, nil, allow},
		{"openat to replace", files, unix.SYS_OPENAT, nil, allow},
		{"another place in a file of the caller's", reading, unix.SYS_LSEEK, nil, deny},
		{"the same, to replace", files, unix.SYS_LSEEK, nil, deny},
		{"unlinkat", reading, unix.SYS_UNLINKAT, nil, deny},
		{"unlinkat to replace", files, unix.SYS_UNLINKAT, nil, allow},
		{"socket", none, unix.SYS_SOCKET, nil, deny},
		{"connect", none, unix.SYS_CONNECT, nil, deny},
		{"a pair of sockets", none, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, deny},
		{"send to nowhere else", none, unix.SYS_SENDTO, []uint64{3, 0x1000, 5, unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, 0, 0}, allow},
		{"send to an address", none, unix.SYS_SENDTO, []uint64{3, 0x1000, 5, 0, 0x100000000, 110}, deny},
		{"send by Fast Open", none, unix.SYS_SENDTO, []uint64{3, 0x1000, 5, unix.MSG_FASTOPEN, 0, 0}, deny},
		{"sendmsg by Fast Open", none, unix.SYS_SENDMSG, []uint64{3, 0x1000, unix.MSG_NOSIGNAL | unix.MSG_FASTOPEN}, deny},
		{"a TCP socket with sockets", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}, allow},
		{"a datagram socket with sockets", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM}, deny},
		{"a raw socket with sockets", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW}, deny},
		{"a unix socket with sockets", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM}, deny},
		{"a pair with sockets", Needs{Sockets: true}, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, deny},
		{"connect with sockets", Needs{Sockets: true}, unix.SYS_CONNECT, nil, allow},
		{"listen with sockets", Needs{Sockets: true}, unix.SYS_LISTEN, nil, deny},
		{"execve", none, unix.SYS_EXECVE, nil, kill},
		{"execveat", none, unix.SYS_EXECVEAT, nil, kill},
		{"ptrace", none, unix.SYS_PTRACE, nil, kill},
		{"process_vm_readv", none, unix.SYS_PROCESS_VM_READV, nil, kill},
		{"process_vm_writev", none, unix.SYS_PROCESS_VM_WRITEV, nil, kill},
		{"io_uring_setup", none, unix.SYS_IO_URING_SETUP, nil, deny},
		{"bpf", none, unix.SYS_BPF, nil, deny},
		{"a call that is not there yet", none, 9999, nil, deny},
		{"a thread", none, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, allow},
		{"a process", none, unix.SYS_CLONE, []uint64{unix.CLONE_VM | uint64(unix.SIGCHLD)}, deny},
		{"a thread in a network of its own", none, unix.SYS_CLONE, []uint64{threadFlags | unix.CLONE_NEWNET}, deny},
		{"a thread with a descriptor of it", none, unix.SYS_CLONE, []uint64{threadFlags | unix.CLONE_PIDFD}, deny},
		{"clone3", none, unix.SYS_CLONE3, nil, absent},
		{"memory", none, mmapCall, []uint64{0, 4096, unix.PROT_READ | unix.PROT_WRITE}, allow},
		{"code", none, mmapCall, []uint64{0, 4096, unix.PROT_READ | unix.PROT_EXEC}, deny},
		{"memory given back", none, unix.SYS_MADVISE, []uint64{0, 4096, unix.MADV_DONTNEED}, allow},
		{"memory as huge pages", none, unix.SYS_MADVISE, []uint64{0, 4096, unix.MADV_COLLAPSE}, allow},
		{"memory of the machine's", none, unix.SYS_MADVISE, []uint64{0, 4096, unix.MADV_HWPOISON}, deny},
		{"the same, with care", none, unix.SYS_MADVISE, []uint64{0, 4096, unix.MADV_HWPOISON + 1}, deny},
		{"memory to code", none, unix.SYS_MPROTECT, []uint64{0, 4096, unix.PROT_EXEC}, deny},
		{"a signal to a thread of ours", none, unix.SYS_TGKILL, []uint64{testPID, testPID + 1, 23}, allow},
		{"a signal to another's", none, unix.SYS_TGKILL, []uint64{testPID + 1, testPID + 1, 23}, deny},
		{"kill", none, unix.SYS_KILL, []uint64{1, 9}, deny},
		{"a signal to PROG", Needs{Signal: 9}, unix.SYS_PIDFD_SEND_SIGNAL, []uint64{9, 15}, allow},
		{"a signal to PROG's group", Needs{Signal: 9}, unix.SYS_PIDFD_SEND_SIGNAL, []uint64{9, 15, 0, 4}, deny},
		{"a signal to another", Needs{Signal: 9}, unix.SYS_PIDFD_SEND_SIGNAL, []uint64{8, 15}, deny},
		{"another descriptor of a process", Needs{Signal: 9}, unix.SYS_PIDFD_OPEN, []uint64{1}, deny},
		{"PROG's number", Needs{Signal: 9}, unix.SYS_KILL, []uint64{99, 15}, deny},
		{"kill of PROG", Needs{Kill: 99}, unix.SYS_KILL, []uint64{99, 15}, allow},
		{"kill of another", Needs{Kill: 99}, unix.SYS_KILL, []uint64{98, 15}, deny},
		{"kill of all", Needs{Kill: 99}, unix.SYS_KILL, []uint64{1<<64 - 1, 15}, deny},
		{"unread bytes", none, unix.SYS_IOCTL, []uint64{0, unix.SIOCINQ}, allow},
		{"a terminal's input", none, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, deny},
		{"F_GETFL", none, unix.SYS_FCNTL, []uint64{0, unix.F_GETFL}, allow},
		{"F_SETFL", none, unix.SYS_FCNTL, []uint64{0, unix.F_SETFL, 2}, deny},
		{"F_SETFL to unblock", Needs{Unblock: true}, unix.SYS_FCNTL, []uint64{0, unix.F_SETFL, 2}, allow},
		{"writing here", none, unix.SYS_PWRITEV2, []uint64{1, 0x1000, 1, 1<<64 - 1, 1<<64 - 1, unix.RWF_NOWAIT}, allow},
		{"writing elsewhere", none, unix.SYS_PWRITEV2, []uint64{1, 0x1000, 1, 0, 0, unix.RWF_NOWAIT}, deny},
		{"writing far away", none, unix.SYS_PWRITEV2, []uint64{1, 0x1000, 1, 1<<32 - 1, 0, unix.RWF_NOWAIT}, deny},
		{"reading elsewhere", none, unix.SYS_PREADV2, []uint64{1, 0x1000, 1, 7, 0, unix.RWF_NOWAIT}, deny},
		{"splice", none, unix.SYS_SPLICE, []uint64{1, 0, 2, 0, 4096, 3}, allow},
		{"splice to elsewhere", none, unix.SYS_SPLICE, []uint64{1, 0, 2, 0x1000, 4096, 3}, deny},
		{"splice to where the low half is zero", none, unix.SYS_SPLICE, []uint64{1, 0, 2, 0x7f0000000000, 4096, 3}, deny},
		{"splice from elsewhere", none, unix.SYS_SPLICE, []uint64{1, 0x7f0000000000, 2, 0, 4096, 3}, deny},
		{"a lock", none, unix.SYS_FCNTL, []uint64{0, unix.F_SETLK}, deny},
		{"a lock to rewrite", Needs{Rewrite: true}, unix.SYS_FCNTL, []uint64{0, unix.F_SETLK}, allow},
		{"F_GETFL to rewrite", Needs{Rewrite: true}, unix.SYS_FCNTL, []uint64{0, unix.F_GETFL}, allow},
		{"F_SETOWN to rewrite", Needs{Rewrite: true}, unix.SYS_FCNTL, []uint64{0, unix.F_SETOWN}, deny},
		{"openat to rewrite", Needs{Rewrite: true}, unix.SYS_OPENAT, nil, deny},
		{"ftruncate", none, unix.SYS_FTRUNCATE, nil, deny},
		{"ftruncate to rewrite", Needs{Rewrite: true}, unix.SYS_FTRUNCATE, nil, allow},
		{"pwrite", none, unix.SYS_PWRITE64, nil, deny},
		{"pwrite to rewrite", Needs{Rewrite: true}, unix.SYS_PWRITE64, nil, allow},
		{"F_NOTIFY", none, unix.SYS_FCNTL, []uint64{0, unix.F_NOTIFY}, deny},
		{"F_SETSIG", none, unix.SYS_FCNTL, []uint64{0, unix.F_SETSIG}, deny},
		{"F_SETOWN", none, unix.SYS_FCNTL, []uint64{0, unix.F_SETOWN}, deny},
		{"TCP_ULP", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_ULP}, allow},
		{"keys to the kernel", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TLS, 1}, allow},
		{"to hear the peer's key", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TLS, tlsRX}, allow},
		{"no delay", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_NODELAY}, allow},
		{"acknowledgements", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_QUICKACK}, allow},
		{"a program for the kernel", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}, deny},
		{"another interface", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_BINDTODEVICE}, deny},
		{"another route", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_MARK}, deny},
		{"a module of the kernel's", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_CONGESTION}, deny},
		{"a connection of one's own making", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_REPAIR}, deny},
		{"Fast Open with sockets", Needs{Sockets: true}, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_FASTOPEN_CONNECT}, allow},
		{"options of IP", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_IP, unix.IP_TOS}, deny},
		{"what a socket is", none, unix.SYS_GETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_DOMAIN}, allow},
		{"the process behind a socket", none, unix.SYS_GETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_PEERPIDFD}, deny},
		{"the processes that send", none, unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_PASSPIDFD}, deny},
		{"a TCP socket", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, 0}, allow},
		{"an MPTCP socket", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, deny},
		{"an SCTP socket", Needs{Sockets: true}, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, deny},
		{"names of memory", none, unix.SYS_PRCTL, []uint64{unix.PR_SET_VMA}, allow},
		{"where memory is", none, unix.SYS_PRCTL, []uint64{unix.PR_SET_MM}, deny},
		{"to be traced", none, unix.SYS_PRCTL, []uint64{unix.PR_SET_PTRACER}, deny},
		{"dumpable again", none, unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE, 1}, deny},
		{"another filter", none, unix.SYS_SECCOMP, nil, deny},
		{"another filter, to come", Needs{Narrowed: true}, unix.SYS_SECCOMP, nil, allow},
	} {
		if got := decide(t, c.needs, auditArch, c.call, c.args...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	if got := decide(t, none, auditArch^1, unix.SYS_READ); got != kill {
		t.Errorf("a call of another architecture: %#x", got)
	}
	const x32 = 0x40000000
	if got := decide(t, none, auditArch, x32|unix.SYS_READ); got != deny {
		t.Errorf("a call of the x32 kind: %#x", got)
	}
}

// Whatever is needed, these are not: each leads to files, programs, sockets, other
// processes, executable memory or more rights, some by a way around a call that is
// looked at.
func TestFilterDeniesTheRest(t *testing.T) {
	if auditArch == 0 {
		t.Skip("there is no filter for this architecture")
	}
	all := Needs{Read: []string{"/a"}, Whole: []string{"/b"}, Replace: "/c", Sockets: true, Signal: 9, Kill: 99, Narrowed: true}
	for name, call := range map[string]uint32{
		"openat2": unix.SYS_OPENAT2, "open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT, "linkat": unix.SYS_LINKAT, "symlinkat": unix.SYS_SYMLINKAT,
		"mknodat": unix.SYS_MKNODAT, "mkdirat": unix.SYS_MKDIRAT, "truncate": unix.SYS_TRUNCATE, "fchmod": unix.SYS_FCHMOD, "fchmodat": unix.SYS_FCHMODAT,
		"fchown": unix.SYS_FCHOWN, "fchownat": unix.SYS_FCHOWNAT, "setxattr": unix.SYS_SETXATTR, "mount": unix.SYS_MOUNT, "move_mount": unix.SYS_MOVE_MOUNT,
		"open_tree": unix.SYS_OPEN_TREE, "fsopen": unix.SYS_FSOPEN, "chroot": unix.SYS_CHROOT, "pivot_root": unix.SYS_PIVOT_ROOT,
		"unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS,
		"listen": unix.SYS_LISTEN, "accept4": unix.SYS_ACCEPT4, "sendmmsg": unix.SYS_SENDMMSG, "socketpair": unix.SYS_SOCKETPAIR,
		"pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_getfd": unix.SYS_PIDFD_GETFD, "process_madvise": unix.SYS_PROCESS_MADVISE, "kcmp": unix.SYS_KCMP,
		"tkill": unix.SYS_TKILL, "rt_sigqueueinfo": unix.SYS_RT_SIGQUEUEINFO, "rt_tgsigqueueinfo": unix.SYS_RT_TGSIGQUEUEINFO,
		"prlimit64": unix.SYS_PRLIMIT64, "setrlimit": unix.SYS_SETRLIMIT, "setpriority": unix.SYS_SETPRIORITY, "sched_setaffinity": unix.SYS_SCHED_SETAFFINITY,
		"pkey_mprotect": unix.SYS_PKEY_MPROTECT, "remap_file_pages": unix.SYS_REMAP_FILE_PAGES, "shmat": unix.SYS_SHMAT, "shmget": unix.SYS_SHMGET,
		"memfd_create": unix.SYS_MEMFD_CREATE, "userfaultfd": unix.SYS_USERFAULTFD, "personality": unix.SYS_PERSONALITY,
		"setuid": unix.SYS_SETUID, "setgid": unix.SYS_SETGID, "setresuid": unix.SYS_SETRESUID, "setgroups": unix.SYS_SETGROUPS, "capset": unix.SYS_CAPSET,
		"add_key": unix.SYS_ADD_KEY, "keyctl": unix.SYS_KEYCTL, "bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "msgget": unix.SYS_MSGGET,
		"mq_open": unix.SYS_MQ_OPEN, "io_uring_setup": unix.SYS_IO_URING_SETUP, "io_setup": unix.SYS_IO_SETUP, "init_module": unix.SYS_INIT_MODULE,
		"finit_module": unix.SYS_FINIT_MODULE, "kexec_load": unix.SYS_KEXEC_LOAD, "reboot": unix.SYS_REBOOT, "clock_settime": unix.SYS_CLOCK_SETTIME,
	} {
		if got := decide(t, all, auditArch, call); got != deny {
			t.Errorf("%s: %#x, want %#x", name, got, deny)
		}
	}
}

// The second filter takes away what is not needed any more, and nothing
// else: both together are the filter of what is left.
func TestNarrower(t *testing.T) {
	if auditArch == 0 {
		t.Skip("there is no filter for this architecture")
	}
	needed := Needs{Read: []string{"/a"}, Sockets: true, Signal: 99, Narrowed: true}
	left := Needs{Signal: 99}
	first, second := program(rules(needed, testPID), deny), narrower(needed, left, testPID)
	for call := range uint32(500) {
		for _, args := range [][]uint64{nil, {99, 15}, {98, 15}, {unix.CLONE_THREAD, unix.SIOCINQ}, {0, 0, unix.PROT_EXEC}} {
			got := run(t, first, auditArch, call, args...)
			if got == allow {
				got = run(t, second, auditArch, call, args...)
			}
			if want := decide(t, left, auditArch, call, args...); got != want {
				t.Errorf("call %d %v: %#x, want %#x", call, args, got, want)
			}
		}
	}
}

// allNeeds has every rule there is.
var allNeeds = Needs{Read: []string{"/a"}, Replace: "/b", Rewrite: true, Unblock: true, Sockets: true, Signal: 9, Kill: 99, Narrowed: true}

// No call has two rules: the second would never be looked at.
func TestRulesAreUnique(t *testing.T) {
	if auditArch == 0 {
		t.Skip("there is no filter for this processor") // whose call 0 may be another than mmapCall
	}
	all := rules(allNeeds, testPID)
	seen := map[int]bool{}
	for _, r := range all {
		if seen[r.call] {
			t.Errorf("call %d has two rules", r.call)
		}
		seen[r.call] = true
	}
}

// However the rules are laid out, the filter says of every call, with arguments that
// pass each test and such as do not, what the rule for it says, and of a call without
// a rule what it is to say of the rest.
func TestProgramIsItsRules(t *testing.T) {
	if auditArch == 0 {
		t.Skip("there is no filter for this architecture")
	}
	for _, list := range [][]rule{nil, rules(Needs{}, testPID), rules(allNeeds, testPID)} {
		filter := program(list, deny)
		for call := range uint32(1 << 10) {
			i := slices.IndexFunc(list, func(r rule) bool { return r.call == int(call) })
			if i < 0 {
				if got := run(t, filter, auditArch, call); got != deny {
					t.Errorf("call %d, which has no rule: %#x", call, got)
				}
				continue
			}
			for _, args := range arguments(list[i].tests) {
				want := list[i].action
				for _, test := range list[i].tests {
					if !test.passes(test.half(args)) {
						want = deny
					}
				}
				if got := run(t, filter, auditArch, call, args...); got != want {
					t.Errorf("call %d %x: %#x, want %#x", call, args, got, want)
				}
			}
		}
	}
}

// half is what a test looks at.
func (t test) half(args []uint64) uint32 {
	if t.high {
		return uint32(args[t.arg] >> 32)
	}
	return uint32(args[t.arg])
}

// passes is what a test means.
func (t test) passes(value uint32) bool {
	return slices.Contains(t.values, value) || t.set != 0 && value&t.set != 0 || t.values == nil && t.set == 0 && value&t.clear == 0
}

// arguments are all that the values which the tests know, and their neighbours, can
// make together.
func arguments(tests []test) [][]uint64 {
	all := [][]uint64{make([]uint64, 6)}
	for _, t := range tests {
		values := []uint32{0, 1, 1 << 31, 1<<32 - 1, t.set, ^t.set, t.clear, ^t.clear}
		for _, v := range t.values {
			values = append(values, v-1, v, v+1)
		}
		var more [][]uint64
		for _, args := range all {
			for _, v := range values {
				with := slices.Clone(args)
				if t.high {
					with[t.arg] = with[t.arg]&(1<<32-1) | uint64(v)<<32
				} else {
					with[t.arg] = uint64(v)
				}
				more = append(more, with)
			}
		}
		all = more
	}
	return all
}
