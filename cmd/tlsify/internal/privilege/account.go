// Package privilege has what a process gives up for good. With an account it gives up
// root (account.go). In a sandbox it gives up everything that the carrier of one
// connection does not need, so that an attacker who runs code in it has little more than
// that connection (sandbox.go). Landlock keeps the process from files (landlock.go) and
// seccomp from system calls (seccomp.go); both hold for every thread, for good, and for
// whatever the process would start. --sandbox decides what happens when a measure is not
// available (mode.go).
//
// It must not know what the process is for: [Needs] says what to leave. Nor must it know
// when: connection and listener decide what is dropped, and in which order. Start
// reading at [Account], [Mode] and [Prepare].
package privilege

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

// Account is whom a listener that was started as root becomes; nil: nobody
// else.
type Account struct{ uid, gid int }

// Numbered is the account of a user and a group that are given by number.
func Numbered(uid, gid int) *Account { return &Account{uid, gid} }

// String is what ParseNumbered reads.
func (a *Account) String() string {
	if a == nil {
		return "-"
	}
	return strconv.Itoa(a.uid) + ":" + strconv.Itoa(a.gid)
}

// ParseNumbered reads what String makes.
func ParseNumbered(value string) (*Account, error) {
	if value == "-" {
		return nil, nil
	}
	a := &Account{}
	uid, gid, _ := strings.Cut(value, ":")
	var err1, err2 error
	a.uid, err1 = strconv.Atoi(uid)
	a.gid, err2 = strconv.Atoi(gid)
	return a, errors.Join(err1, err2)
}

// ParseAccount reads USER[:GROUP], each a name or a number; - is nil. The group
// is the user's own where none is given.
func ParseAccount(value string) (*Account, error) {
	if value == "-" {
		return nil, nil
	}
	name, group, hasGroup := strings.Cut(value, ":")
	known, err := user.Lookup(name)
	if err != nil {
		known, err = user.LookupId(name)
	}
	a := &Account{-1, -1}
	if known != nil && err == nil {
		name = known.Uid
		if !hasGroup {
			group, hasGroup = known.Gid, true
		}
	}
	if a.uid, err = strconv.Atoi(name); err != nil || a.uid < 0 {
		return nil, status.Usagef("--user: there is no user %q", status.Cut(name))
	}
	if !hasGroup {
		return nil, status.Usagef("--user: user %d has no group of its own; give UID:GID", a.uid)
	}
	if known, err := user.LookupGroup(group); err == nil {
		group = known.Gid
	}
	if a.gid, err = strconv.Atoi(group); err != nil || a.gid < 0 {
		return nil, status.Usagef("--user: there is no group %q", status.Cut(group))
	}
	if a.uid == 0 || a.gid == 0 {
		return nil, status.Usagef("--user must not be root")
	}
	return a, nil
}

// Become makes all of this process the account's, with no other group, for
// good. It must be root's. One that was hardened is so afterwards: at a change of
// user Linux makes a process what fs.suid_dumpable says.
func (a *Account) Become() error {
	if a == nil {
		return nil
	}
	hardened := process.Hardened()
	err := process.ReachesThreads()
	if err == nil {
		err = syscall.Setgroups([]int{})
	}
	if err == nil {
		err = syscall.Setgid(a.gid)
	}
	if err == nil {
		err = syscall.Setuid(a.uid)
	}
	if err == nil && hardened {
		err = process.Harden()
	}
	if err != nil {
		return status.Usagef("cannot become user %v: %v", a, err)
	}
	if a.uid != 0 && syscall.Setuid(0) == nil || os.Getuid() != a.uid || os.Geteuid() != a.uid || os.Getgid() != a.gid || os.Getegid() != a.gid {
		return status.Usagef("the process has not become user %v", a)
	}
	return nil
}
