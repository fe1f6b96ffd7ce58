package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// access is what a descriptor is wanted for.
type access int

const (
	toRead access = 1 << iota
	toWrite
)

// descriptors keeps account of the descriptors that an invocation names. From
// the moment it is claimed a descriptor is closed on exec, so that PROG does
// not get it.
type descriptors struct {
	used map[int]string // what for
}

// claim takes descriptor n for the option what. It refuses one that is not
// open for how, one that is in use already, and one of the runtime's own. The
// latter show by being close-on-exec: what came through exec can't be.
func (d *descriptors) claim(n int, what string, how access) error {
	if n < 0 {
		return usagef("--%s: %d is not a descriptor", what, n)
	}
	if other, ok := d.used[n]; ok {
		return usagef("--%s: descriptor %d is used for %s already", what, n, other)
	}
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return usagef("--%s: descriptor %d is not open", what, n)
	}
	if err := checkAccess(n, how); err != "" {
		return usagef("--%s: descriptor %d %s", what, n, err)
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	d.used[n] = "--" + what
	return nil
}

// checkAccess says what is wrong with descriptor n, or nothing.
func checkAccess(n int, how access) string {
	mode, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err != nil || mode&oPath != 0 {
		return "is not open"
	}
	var st unix.Stat_t
	if unix.Fstat(n, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return "is a directory"
	}
	mode &= unix.O_ACCMODE
	if how&toRead != 0 && mode == unix.O_WRONLY {
		return "is not open for reading"
	}
	if how&toWrite != 0 && mode == unix.O_RDONLY {
		return "is not open for writing"
	}
	return ""
}

// closeUnnamed closes every inherited descriptor that the invocation has not
// named: one may be an end of another child's socketpair, which would never
// see its end of file.
func (d *descriptors) closeUnnamed() {
	for _, n := range inheritedDescriptors() {
		if n > 2 {
			unix.Close(n)
		}
	}
}

// inheritedDescriptors lists those that have come through exec, and would go
// through another.
func inheritedDescriptors() []int {
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

// sameFile tells whether two descriptors are of one file, or one socket.
func sameFile(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// openNull opens /dev/null, for others to have in place of a descriptor.
func openNull() (int, error) {
	n, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	return n, os.NewSyscallError("open /dev/null", err)
}

// ownDescriptor gives a descriptor of its own, from least on, for what package
// net has opened, whose flags that package has set.
func ownDescriptor(c syscall.Conn, least int) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, least) })
	return n, errors.Join(controlErr, os.NewSyscallError("fcntl", err))
}

// muteNetwork puts /dev/null where descriptor 1 or 2 is the network itself, as
// inetd and systemd have it: nothing of ours, and nothing of PROG's, is to
// reach the network in clear.
func muteNetwork(network []int) error {
	for _, n := range []int{1, 2} {
		for _, net := range network {
			if net < 0 || slices.Contains(network, n) || !sameFile(n, net) {
				continue
			}
			null, err := openNull()
			if err != nil {
				return usagef("%v", err)
			}
			defer unix.Close(null)
			if err := unix.Dup2(null, n); err != nil {
				return usagef("descriptor %d: %v", n, err)
			}
		}
	}
	return nil
}

// parsePair reads `A` or `A,B`. The second is -1 where it is not there.
func parsePair(what, value string) (int, int, error) {
	first, second, both := strings.Cut(value, ",")
	a, err := strconv.Atoi(first)
	b := -1
	if err == nil && both {
		b, err = strconv.Atoi(second)
	}
	if err != nil || a < 0 || both && b < 0 {
		return 0, 0, usagef("--%s: %q is not a descriptor, or two with a comma between", what, cut(value))
	}
	return a, b, nil
}

// claimPair claims one descriptor for both directions or two for one each, and
// makes streams of them.
func (d *descriptors) claimPair(what, value string, firstFor access) (first, second *stream.FD, err error) {
	a, b, err := parsePair(what, value)
	if err != nil {
		return nil, nil, err
	}
	if b < 0 || b == a {
		how := firstFor
		if b == a || what == "net-fd" {
			how = toRead | toWrite
		}
		if err := d.claim(a, what, how); err != nil {
			return nil, nil, err
		}
		first, err = stream.NewFD(a)
		if b == a {
			second = first
		}
		return first, second, err
	}
	if err := d.claim(a, what, firstFor); err != nil {
		return nil, nil, err
	}
	if err := d.claim(b, what, (toRead|toWrite)&^firstFor); err != nil {
		return nil, nil, err
	}
	if first, err = stream.NewFD(a); err != nil {
		return nil, nil, err
	}
	second, err = stream.NewFD(b)
	return first, second, err
}
