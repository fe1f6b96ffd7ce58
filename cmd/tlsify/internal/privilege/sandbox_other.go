//go:build !linux

package privilege

import "errors"

var errNone = errors.New("there is no sandbox for this system yet: Landlock and seccomp are Linux's")

// Confinement is what a process is about to enter.
type Confinement struct{}

// Prepare makes a confinement for what the process needs.
func Prepare(Needs) *Confinement { return &Confinement{} }

// Enter would confine the process. It returns the measures that hold now: none.
func (c *Confinement) Enter() (measures []string, err error) { return nil, errNone }

// Narrow would take away what an earlier Enter has left.
func (c *Confinement) Narrow(Needs) error { return errNone }

// Missing says which of the measures there are not.
func Missing() error { return errNone }
