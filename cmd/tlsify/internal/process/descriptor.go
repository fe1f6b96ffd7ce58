// Package process has what the system knows of this process: the descriptors that it
// inherited and that an option may name (claims.go); those that it opens and that no child
// inherits (descriptor.go, memory.go); the children that it starts, and which descriptors
// each gets (child.go); its threads (threads.go); and its restart without the switches of
// Go's runtime (restart.go). The files system_*.go have what differs between systems.
//
// It must not know what a descriptor carries, or what a child is for. Start reading at
// [Claims]; at [Clean] for what comes before all else.
package process

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Inherited lists those that have come through exec, and would go
// through another.
func Inherited() []int {
	return slices.DeleteFunc(openDescriptors(), func(n int) bool {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		return err != nil || flags&unix.FD_CLOEXEC != 0
	})
}

// firstDescriptors are those that are open, where they are among the first few, as
// mostly they are: the kernel counts them (from Linux 6.2 on) far sooner than it lists
// them.
func firstDescriptors() (list []int, ok bool) {
	const few = 16
	var counted unix.Stat_t
	if unix.Stat("/proc/self/fd", &counted) != nil || counted.Size == 0 {
		return nil, false
	}
	for n := 0; n < few && int64(len(list)) < counted.Size; n++ {
		if !IsClosed(n) {
			list = append(list, n)
		}
	}
	return list, int64(len(list)) == counted.Size
}

// listedDescriptors are those that /proc lists. Package os would bring the runtime's
// poller for it.
func listedDescriptors() (list []int, ok bool) {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(dir)
	for entries := make([]byte, 4<<10); ; {
		n, err := unix.ReadDirent(dir, entries)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return list, err == nil
		}
		_, _, names := unix.ParseDirent(entries[:n], -1, nil)
		for _, name := range names {
			if n, err := strconv.Atoi(name); err == nil && n != dir {
				list = append(list, n)
			}
		}
	}
}

// openDescriptors lists what may be open, by /proc or else by trying.
func openDescriptors() []int {
	if list, ok := firstDescriptors(); ok {
		return list
	}
	if list, ok := listedDescriptors(); ok {
		return list
	}
	var list []int
	var limit unix.Rlimit
	most := 1024
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		most = int(min(limit.Cur, 65536))
	}
	for n := range most {
		list = append(list, n)
	}
	return list
}

// OpenNull opens /dev/null, for others to have in place of a descriptor.
func OpenNull() (int, error) {
	n, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		err = missing("/dev/null", err)
	}
	return n, err
}

// Mute puts /dev/null where descriptor 1 or 2 is the network itself, as
// inetd and systemd have it: nothing of ours, and nothing of PROG's, is to
// reach the network in clear. One that was named as the network stays it, but for
// 2, which is refused in its turn. It tells whether 2 was the network. Where there is no
// /dev/null they are closed, and the caller is to end with the error.
func Mute(network []int) (muted bool, err error) {
	var mute []int
	for _, n := range []int{1, 2} {
		if n == 1 && slices.Contains(network, n) {
			continue
		}
		if slices.ContainsFunc(network, func(net int) bool { return net >= 0 && stream.SameFile(n, net) }) {
			mute = append(mute, n)
		}
	}
	if mute == nil {
		return false, nil
	}
	muted = slices.Contains(mute, 2)
	null, err := OpenNull()
	if err != nil {
		for _, n := range mute {
			unix.Close(n)
		}
		return muted, status.Usagef("%v", err)
	}
	defer unix.Close(null)
	for _, n := range mute {
		if err := unix.Dup2(null, n); err != nil {
			return muted, status.Usagef("descriptor %d: %v", n, err)
		}
	}
	return muted, nil
}

// MuteAny is Mute for what may be the network as far as is known yet: any socket
// that we have. A terminal, or a file that 1 and 2 share, is not, nor is a socket
// that is 2 alone.
func MuteAny() (muted bool, err error) {
	network := slices.DeleteFunc(Inherited(), func(n int) bool {
		var st unix.Stat_t
		return n == 2 || unix.Fstat(n, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK
	})
	return Mute(network)
}

// OneSocket tells whether the caller has one socket on 0, 1 and 2, as inetd has it: a
// line for a person is not to be among what it gets on 1.
func OneSocket() bool {
	var st unix.Stat_t
	return unix.Fstat(0, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK && stream.SameFile(0, 1) && stream.SameFile(0, 2)
}

// IsClosed tells whether a descriptor is not open, here and in our children.
func IsClosed(n int) bool {
	_, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	return err == unix.EBADF
}

// CloseInherited closes what came through exec, but for 0, 1 and 2.
func CloseInherited() {
	for _, n := range Inherited() {
		if n > 2 {
			unix.Close(n)
		}
	}
}

// IsPipe tells whether what has been read of a descriptor is gone, for all who have it.
func IsPipe(n int) bool {
	var here unix.Stat_t
	return unix.Fstat(n, &here) == nil && here.Mode&unix.S_IFMT == unix.S_IFIFO
}

// Named takes fd:N apart, which stands for a descriptor where a file may be
// named.
func Named(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "fd:")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0
}

// ByPath takes the number from a path that leads to a descriptor of whoever opens it, as
// shells write <(COMMAND), and says whether it is one.
func ByPath(name string) (int, bool) {
	if name == "/dev/stdin" {
		return 0, true
	}
	digits, ok := strings.CutPrefix(name, "/dev/fd/")
	if !ok {
		digits, ok = strings.CutPrefix(name, "/proc/self/fd/")
	}
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}

// CheckName refuses, for an option whose file may be made, what begins as fd:N does
// and has no number, as where a shell's variable is not set.
func CheckName(option, name string) error {
	if _, ok := Named(name); !ok && strings.HasPrefix(name, "fd:") {
		return status.Usagef("--%s: %s is no descriptor; ./%s is a file of that name", option, status.Cut(name), status.Cut(name))
	}
	return nil
}
