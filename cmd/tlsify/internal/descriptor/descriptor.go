// Package descriptor keeps account of the descriptors that this process was
// given, makes others that no child inherits, and decides which of them a child
// gets. What differs between systems is in system_*.go.
//
// It must not know what a descriptor carries. Start reading at [Claims].
package descriptor

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Access is what a descriptor is wanted for.
type Access int

const (
	ToRead Access = 1 << iota
	ToWrite
)

// Claims keeps account of the descriptors that an invocation names. From
// the moment it is claimed a descriptor is closed on exec, so that PROG does
// not get it.
type Claims struct {
	Used map[int]string // what for
}

// Claim takes descriptor n for the option what. It refuses one that is not
// open for how, one that is in use already, and one of the runtime's own. The
// latter show by being close-on-exec: what came through exec can't be.
func (d *Claims) Claim(n int, what string, how Access) error {
	if n < 0 {
		return status.Usagef("--%s: %d is not a descriptor", what, n)
	}
	if other, ok := d.Used[n]; ok {
		return status.Usagef("--%s: descriptor %d is used for %s already", what, n, other)
	}
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return status.Usagef("--%s: descriptor %d is not open", what, n)
	}
	if err := CheckAccess(n, how); err != "" {
		return status.Usagef("--%s: descriptor %d %s", what, n, err)
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	d.Used[n] = "--" + what
	return nil
}

// CheckAccess says what is wrong with descriptor n, or nothing.
func CheckAccess(n int, how Access) string {
	mode, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err != nil || mode&oPath != 0 {
		return "is not open"
	}
	var st unix.Stat_t
	if unix.Fstat(n, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return "is a directory"
	}
	mode &= unix.O_ACCMODE
	if how&ToRead != 0 && mode == unix.O_WRONLY {
		return "is not open for reading"
	}
	if how&ToWrite != 0 && mode == unix.O_RDONLY {
		return "is not open for writing"
	}
	return ""
}

// CloseUnnamed closes every inherited descriptor that the invocation has not
// named: one may be an end of another child's socketpair, which would never
// see its end of file.
func (d *Claims) CloseUnnamed() {
	for _, n := range Inherited() {
		if n > 2 {
			unix.Close(n)
		}
	}
}

// LeaveToProgram lets go of all that the invocation has not named and PROG has
// by now, with /dev/null in the place of 0 and 1: who takes this process over
// has no use of them.
func (d *Claims) LeaveToProgram() error {
	d.CloseUnnamed()
	null, err := OpenNull()
	if err != nil {
		return err
	}
	defer unix.Close(null)
	for n := range 2 {
		if _, named := d.Used[n]; named {
			continue
		}
		if err := unix.Dup2(null, n); err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
	return nil
}

// Inherited lists those that have come through exec, and would go
// through another.
func Inherited() []int {
	return slices.DeleteFunc(openDescriptors(), func(n int) bool {
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		return err != nil || flags&unix.FD_CLOEXEC != 0
	})
}

// openDescriptors lists what may be open, by /proc or else by trying.
func openDescriptors() []int {
	var list []int
	if dir, err := os.Open("/proc/self/fd"); err == nil {
		names, _ := dir.Readdirnames(-1)
		dir.Close()
		for _, name := range names {
			if n, err := strconv.Atoi(name); err == nil {
				list = append(list, n)
			}
		}
		return list
	}
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

// SameFile tells whether two descriptors are of one file, or one socket.
func SameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// OpenNull opens /dev/null, for others to have in place of a descriptor.
func OpenNull() (int, error) {
	n, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	return n, os.NewSyscallError("open /dev/null", err)
}

// Own gives a descriptor of its own, from least on, for what package
// net has opened, whose flags that package has set.
func Own(c syscall.Conn, least int) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, least) })
	return n, errors.Join(controlErr, os.NewSyscallError("fcntl", err))
}

// Mute puts /dev/null where descriptor 1 or 2 is the network itself, as
// inetd and systemd have it: nothing of ours, and nothing of PROG's, is to
// reach the network in clear.
func Mute(network []int) error {
	for _, n := range []int{1, 2} {
		for _, net := range network {
			if net < 0 || slices.Contains(network, n) || !SameFile(n, net) {
				continue
			}
			null, err := OpenNull()
			if err != nil {
				return status.Usagef("%v", err)
			}
			defer unix.Close(null)
			if err := unix.Dup2(null, n); err != nil {
				return status.Usagef("descriptor %d: %v", n, err)
			}
		}
	}
	return nil
}

// ParsePair reads `A` or `A,B`. The second is -1 where it is not there.
func ParsePair(what, value string) (int, int, error) {
	first, second, both := strings.Cut(value, ",")
	a, err := strconv.Atoi(first)
	b := -1
	if err == nil && both {
		b, err = strconv.Atoi(second)
	}
	if err != nil || a < 0 || both && b < 0 {
		return 0, 0, status.Usagef("--%s: %q is not a descriptor, or two with a comma between", what, status.Cut(value))
	}
	return a, b, nil
}

// ClaimPair claims one descriptor for both directions or two for one each, and
// makes streams of them.
func (d *Claims) ClaimPair(what, value string, firstFor Access) (first, second *stream.FD, err error) {
	a, b, err := ParsePair(what, value)
	if err != nil {
		return nil, nil, err
	}
	if b < 0 || b == a {
		how := firstFor
		if b == a || what == "net-fd" {
			how = ToRead | ToWrite
		}
		if err := d.Claim(a, what, how); err != nil {
			return nil, nil, err
		}
		first, err = stream.NewFD(a)
		if b == a {
			second = first
		}
		return first, second, err
	}
	if err := d.Claim(a, what, firstFor); err != nil {
		return nil, nil, err
	}
	if err := d.Claim(b, what, (ToRead|ToWrite)&^firstFor); err != nil {
		return nil, nil, err
	}
	if first, err = stream.NewFD(a); err != nil {
		return nil, nil, err
	}
	second, err = stream.NewFD(b)
	return first, second, err
}

// IsClosed tells whether a descriptor is not open, here and in our children.
func IsClosed(n int) bool {
	_, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	return err == unix.EBADF
}
