//go:build !linux

// Package sandbox takes away from this process what the carrier of one
// connection has no use for. On this system it knows no way to.
package sandbox

import "errors"

// Needs is what a confined process still has to do beside carrying bytes
// between the descriptors that it has. The zero Needs is nothing.
type Needs struct {
	// Read are files, and directories with all that is in them or that
	// symbolic links in them lead to, that have to be readable. What is not
	// there is passed over.
	Read []string
	// Replace is a directory in which files have to be read, made, renamed and
	// removed. Empty: none.
	Replace string
	// Sockets leaves the making and connecting of sockets.
	Sockets bool
	// Signal is a process that has to be sent signals. 0: none.
	Signal int
	// Narrowed leaves what Narrow needs.
	Narrowed bool
}

var errNone = errors.New("there is no sandbox for this system yet: Landlock and seccomp are Linux's")

// Harden keeps other processes of the same user out of this one's memory.
func Harden() error { return errNone }

// Confinement is what a process is about to enter.
type Confinement struct{}

// Prepare makes a confinement for what the process needs.
func Prepare(Needs) *Confinement { return &Confinement{} }

// Enter would confine the process. It returns the measures that hold now: none.
func (c *Confinement) Enter() (measures []string, err error) { return nil, errNone }

// Narrow would take away what an earlier Enter has left.
func Narrow(Needs) error { return errNone }

// Missing says which of the measures there are not.
func Missing() error { return errNone }
