package dial

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Error is a connection that could not be made.
type Error struct {
	Address string // what was dialled
	Err     error  // what several addresses said, where the name has several
}

func (e *Error) Error() string { return e.Address + ": " + reason(e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// ProxyError is a connection that could not be made because of a proxy, which
// may be the proxy's doing or that of what lies behind it. No text of the
// proxy's is in it, nor a user or a password.
type ProxyError struct {
	Proxy string // as Proxy.String gives it
	Err   error
}

func (e *ProxyError) Error() string { return "proxy " + e.Proxy + ": " + reason(e.Err) }
func (e *ProxyError) Unwrap() error { return e.Err }

// reason is an error's text without the name of a system call before it.
func reason(err error) string {
	if call, ok := err.(*os.SyscallError); ok {
		err = call.Err
	}
	return err.Error()
}

// NameError is a name that could not be looked up. It wraps the error of package net, which
// keeps of the error behind it the text alone, with the names of calls before the reason.
type NameError struct{ DNS *net.DNSError }

func (e *NameError) Error() string {
	text, reason := "cannot look up "+e.DNS.Name+": ", e.DNS.Err
	if at := strings.LastIndex(reason, ": "); at >= 0 {
		reason = reason[at+len(": "):]
	}
	server := "the DNS server " + e.DNS.Server
	switch {
	case e.DNS.Server == "":
		return text + reason
	case e.DNS.IsNotFound:
		return text + reason + ", says " + server
	case e.DNS.IsTimeout:
		return text + server + " does not answer"
	}
	return text + server + ": " + reason
}
func (e *NameError) Unwrap() error { return e.DNS }

// plain strips what package net puts around the error of a connection to
// address.
func plain(err error, address string) *Error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return &Error{address, err}
}

// attempts are the failures of all of a name's addresses, in the order in
// which they came.
type attempts []*Error

// attemptsShown is how many failures a text lists.
const attemptsShown = 6

func (a attempts) Error() string {
	var texts []string
	for _, failed := range a[:min(len(a), attemptsShown)] {
		texts = append(texts, failed.Error())
	}
	if more := len(a) - attemptsShown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return "no address answers: " + strings.Join(texts, "; ")
}

func (a attempts) Unwrap() []error {
	list := make([]error, len(a))
	for i, failed := range a {
		list[i] = failed
	}
	return list
}

// together makes one error of all failures to reach address, of which there is
// at least one.
func (a attempts) together(address string) error {
	if len(a) == 1 {
		return a[0]
	}
	return &Error{address, a}
}
