package process

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/stream"
)

// Access is what a descriptor is wanted for.
type Access int

// A descriptor may be wanted for both.
const (
	ToRead Access = 1 << iota
	ToWrite
)

// Claims keeps account of the descriptors that an invocation names. To claim
// one is to say what it is for, and no more than that; Take then sees whether
// they are there. From that moment on a claimed descriptor is closed on exec, so
// that PROG does not get it.
type Claims struct{ list []claim }

type claim struct {
	n       int
	what    string // the option
	how     Access
	file    bool   // what it has is read once, for whatever number of options
	refusal string // in place of the usual texts, or empty
	taken   bool
}

// Claim claims descriptor n for the option what. It refuses one that is claimed
// already.
func (c *Claims) Claim(n int, what string, how Access) error {
	return c.add(claim{n: n, what: what, how: how})
}

// ClaimOr is Claim of a descriptor for whose lack there is a text.
func (c *Claims) ClaimOr(refusal string, n int, what string, how Access) error {
	return c.add(claim{n: n, what: what, how: how, refusal: refusal})
}

// ClaimFile claims a descriptor that is given for a file. Several options may
// name it.
func (c *Claims) ClaimFile(n int, what string) error {
	if slices.ContainsFunc(c.list, func(other claim) bool { return other.n == n && other.file }) {
		return nil
	}
	return c.add(claim{n: n, what: what, how: ToRead, file: true})
}

func (c *Claims) add(a claim) error {
	at := slices.IndexFunc(c.list, func(other claim) bool { return other.n == a.n })
	switch {
	case at >= 0 && a.refusal != "":
		return status.Usagef("%s", a.refusal)
	case a.n < 0:
		return status.Usagef("--%s: %d is not a descriptor", a.what, a.n)
	case at >= 0:
		return status.Usagef("--%s: descriptor %d is used for --%s already", a.what, a.n, c.list[at].what)
	}
	c.list = append(c.list, a)
	return nil
}

// ClaimPair claims what value says: one descriptor for both directions, or two
// for one each. The second is -1 where it is not there.
func (c *Claims) ClaimPair(what, value string, firstFor Access) (first, second int, err error) {
	first, second, err = ParsePair(what, value)
	if err != nil {
		return first, second, err
	}
	if second < 0 || second == first {
		how := firstFor
		if second == first || what == "net-fd" {
			how = ToRead | ToWrite
		}
		return first, second, c.Claim(first, what, how)
	}
	if err := c.Claim(first, what, firstFor); err != nil {
		return first, second, err
	}
	return first, second, c.Claim(second, what, (ToRead|ToWrite)&^firstFor)
}

// TakePair is ClaimPair and Take at once, and makes streams of what was claimed.
// The second is nil where it is not there.
func (c *Claims) TakePair(what, value string, firstFor Access) (first, second *stream.FD, err error) {
	a, b, err := c.ClaimPair(what, value, firstFor)
	if err == nil {
		err = c.Take()
	}
	if err != nil {
		return nil, nil, err
	}
	if first, err = stream.NewFD(a); err != nil || b < 0 {
		return first, nil, err
	}
	if b == a {
		return first, first, nil
	}
	second, err = stream.NewFD(b)
	return first, second, err
}

// Has tells whether a descriptor is claimed.
func (c *Claims) Has(n int) bool {
	return slices.ContainsFunc(c.list, func(other claim) bool { return other.n == n })
}

// Take takes what has been claimed since it was called last. It refuses a
// descriptor that is not open for what it is wanted for, and one of the
// runtime's own. The latter show by being closed on exec: what came through exec
// can't be.
func (c *Claims) Take() error {
	for i := range c.list {
		a := &c.list[i]
		if a.taken {
			continue
		}
		if why := take(a.n, a.how); why != "" && a.refusal != "" {
			return status.Usagef("%s", a.refusal)
		} else if why != "" {
			return status.Usagef("--%s: descriptor %d %s", a.what, a.n, why)
		}
		a.taken = true
	}
	return nil
}

func take(n int, how Access) (why string) {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 {
		return "is not open"
	}
	if why := CheckAccess(n, how); why != "" {
		return why
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	return ""
}

// LeaveToProgram lets go of all that nobody has claimed and PROG has by now, with
// /dev/null in the place of 0 and 1: who takes this process over has no use of
// them.
func (c *Claims) LeaveToProgram() error {
	CloseInherited()
	null, err := OpenNull()
	if err != nil {
		return err
	}
	defer unix.Close(null)
	for n := range 2 {
		if c.Has(n) {
			continue
		}
		if err := unix.Dup2(null, n); err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
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

// CheckStream is CheckAccess of what bytes are to stream through. A socket of messages has
// no end of file, and loses what of one has not been read; one that listens has no bytes.
func CheckStream(n int, how Access) string {
	if why := CheckAccess(n, how); why != "" {
		return why
	}
	kind, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return "" // no socket
	}
	if kind != unix.SOCK_STREAM {
		return "is a socket of messages (SOCK_DGRAM, SOCK_SEQPACKET), not a stream"
	}
	if listens, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens != 0 {
		return "is a socket that listens, not a connection"
	}
	return ""
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
