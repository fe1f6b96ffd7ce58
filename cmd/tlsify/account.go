package main

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// account is whom a listener that was started as root becomes; nil: nobody
// else.
type account struct{ uid, gid int }

// String is what parseAccount reads.
func (a *account) String() string {
	if a == nil {
		return "-"
	}
	return itoa(a.uid) + ":" + itoa(a.gid)
}

// parseAccount reads USER[:GROUP], each a name or a number; - is nil. The group
// is the user's own where none is given.
func parseAccount(value string) (*account, error) {
	if value == "-" {
		return nil, nil
	}
	name, group, hasGroup := strings.Cut(value, ":")
	known, err := user.Lookup(name)
	if err != nil {
		known, err = user.LookupId(name)
	}
	a := &account{-1, -1}
	if known != nil && err == nil {
		name = known.Uid
		if !hasGroup {
			group, hasGroup = known.Gid, true
		}
	}
	if a.uid, err = strconv.Atoi(name); err != nil || a.uid < 0 {
		return nil, usagef("--user: there is no user %q", cut(name))
	}
	if !hasGroup {
		return nil, usagef("--user: user %d has no group of its own; give UID:GID", a.uid)
	}
	if known, err := user.LookupGroup(group); err == nil {
		group = known.Gid
	}
	if a.gid, err = strconv.Atoi(group); err != nil || a.gid < 0 {
		return nil, usagef("--user: there is no group %q", cut(group))
	}
	if a.uid == 0 || a.gid == 0 {
		return nil, usagef("--user: root is whom it is to be used against")
	}
	return a, nil
}

// user reads --user.
func (p *parser) user() (err error) {
	value, ok := p.words.value("user")
	if !ok {
		return nil
	}
	if os.Geteuid() != 0 {
		return usagef("--user: only root can become another user")
	}
	if p.inv.user, err = parseAccount(value); err == nil && p.inv.user == nil {
		return usagef("--user: there is no user %q", value)
	}
	return err
}

// become makes all of this process the account's, with no other group, for
// good. It must be root's.
func (a *account) become() error {
	if a == nil {
		return nil
	}
	err := syscall.Setgroups([]int{})
	if err == nil {
		err = syscall.Setgid(a.gid)
	}
	if err == nil {
		err = syscall.Setuid(a.uid)
	}
	if err != nil {
		return usagef("cannot become user %v: %v", a, err)
	}
	if a.uid != 0 && syscall.Setuid(0) == nil || os.Getuid() != a.uid || os.Geteuid() != a.uid || os.Getgid() != a.gid || os.Getegid() != a.gid {
		return usagef("the process has not become user %v", a)
	}
	return nil
}
