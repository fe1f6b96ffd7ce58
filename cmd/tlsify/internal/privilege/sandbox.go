//go:build linux

package privilege

import (
	"errors"
	"fmt"
	"os"
	"sync"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/process"
)

// Confinement is what a process is about to enter.
type Confinement struct {
	needs Needs
	files func() (*ruleset, error)
}

// Prepare makes a confinement for what the process needs. To follow the links
// of a directory to be read, of which there may be hundreds, takes time, and is
// begun on a goroutine of its own. Without a directory, to start a goroutine would
// take longer than the work itself.
func Prepare(n Needs) *Confinement {
	c := &Confinement{n, sync.OnceValues(func() (*ruleset, error) { return newRuleset(n) })}
	if len(n.Read) > 0 {
		go c.files()
	}
	return c
}

// Enter confines the process. It returns the measures that hold now, each a
// word, and, joined, an error for each that does not: those that can be taken
// are taken all the same. It is called once.
func (c *Confinement) Enter() (measures []string, err error) {
	take := func(measure string, failure error) {
		if failure != nil {
			err = errors.Join(err, failure)
			return
		}
		measures = append(measures, measure)
	}
	take("not-dumpable", process.Harden())
	take("no-core", os.NewSyscallError("setrlimit RLIMIT_CORE", unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})))
	// The ruleset was made before the filter, which rules that out, and is put
	// in force behind it, because it is by way of the filter that every thread
	// gets no_new_privs. Without that the kernel lets nobody but root do either.
	files, filesErr := c.files()
	filtered := install(program(rules(c.needs, os.Getpid()), deny))
	if filtered != nil {
		take("no-new-privs", onEveryThread())
	} else {
		take("no-new-privs", nil)
	}
	take("seccomp", filtered)
	if filesErr == nil {
		filesErr = files.enforce()
		files.close()
	}
	if filesErr != nil {
		take("", filesErr)
	} else {
		take(fmt.Sprintf("landlock-%d", files.version), nil)
	}
	return measures, err
}

// onEveryThread gives every thread no_new_privs without a filter.
func onEveryThread() error {
	if !ownThreads {
		return errors.New("this build uses cgo, and can't set no_new_privs on every thread")
	}
	if err := process.ReachesThreads(); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// Narrow takes away, by seccomp alone, what Enter has left and n, which is less
// than what the confinement was made for, does not need. What may be read
// remains so where n leaves anything of the file system at all.
func (c *Confinement) Narrow(n Needs) error { return install(narrower(c.needs, n, os.Getpid())) }

// Missing says which of the measures this kernel, or this build, does not
// have, or nil.
func Missing() error {
	_, landlock := landlockVersion()
	return errors.Join(landlock, seccompSupport())
}
