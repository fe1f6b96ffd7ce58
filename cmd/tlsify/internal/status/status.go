// Package status says how an invocation goes and how it ended. It has the contract's exit
// statuses and CODEs (status.go) and what each means for a person (explain.go); the
// control channel, whose lines a program reads and may answer (control.go); lines for
// people on descriptor 2, one by one (line.go) or a listener's, of which there could be
// many (notices.go); and who is told of a failure (report.go).
//
// It must not know what fails, nor what the keywords of the channel mean: the code that
// knows what was being done makes a CODE of an error. Nothing here waits for a reader.
// Start reading at [Table], then [Failure], [Channel.Say] and [Reporter].
package status

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// The exit statuses of the contract.
const (
	OK        = 0
	Usage     = 1
	Internal  = 2
	Unreached = 3
	Handshake = 4
	Rejected  = 5
	Truncated = 6
	Lost      = 7
	Local     = 8

	// WithProg is added to the status of a failure before PROG started, or
	// where PROG itself ended with 0.
	WithProg = 100
	// PROG's statuses where it could not be started, as shells have them.
	CannotRun = 126
	NotFound  = 127
	// Signal is added to the number of the signal that ended us.
	Signal = 128
)

// Table is the contract's table of exit statuses, with the CODEs of each.
var Table = []struct {
	Status  int
	Meaning string
	Codes   []string
	Retry   string // whether trying again helps
}{
	{OK, "both directions ended properly", nil, ""},
	{Usage, "usage, unreadable file; the engine or kernel can't", []string{"usage", "engine-unsupported", "handoff-unavailable", "sandbox-unavailable"}, "no"},
	{Internal, "a bug, or a crash", []string{"internal"}, "no"},
	{Unreached, "not reached, or lost before `ready`", []string{"resolve", "connect", "proxy", "starttls", "connect-timeout", "handshake-timeout", "timeout", "network-io"}, "perhaps"},
	{Handshake, "the handshake failed", []string{"tls-alert", "tls-protocol", "tls-version", "no-common-group", "security-level", "renegotiation", "client-cert", "ech-rejected", "signer"}, "no"},
	{Rejected, "the peer was rejected", []string{"cert-untrusted", "cert-self-signed", "cert-expired", "cert-not-yet-valid", "cert-name", "cert-purpose", "cert-weak", "cert-constraint", "cert-revoked", "cert-malformed", "pin-mismatch", "staple", "psk"}, "no"},
	{Truncated, "truncated by the peer", []string{"truncated"}, "perhaps"},
	{Lost, "TLS or network failure after `ready`, idle limit", []string{"tls-alert", "tls-protocol", "network-io", "idle-timeout", "timeout"}, "perhaps"},
	{Local, "the caller's side failed while data was still owed to it", []string{"local-io"}, ""},
}

// A Failure is why an invocation did not end well: a CODE with its status and
// a line for people.
type Failure struct {
	Status int
	Code   string // empty where a signal ended us
	Text   string
	More   []Reason // the further reasons of a rejection
	Retry  []byte   // the ECHConfigList to use instead
}

func (f *Failure) Error() string { return f.Text }

// A Reason is a CODE with a line for people.
type Reason struct{ Code, Text string }

// Usagef is the failure of an invocation that cannot be carried out.
func Usagef(format string, args ...any) *Failure {
	return &Failure{Status: Usage, Code: "usage", Text: fmt.Sprintf(format, args...)}
}

// SignalError is the cause of a context that a signal has ended.
type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return "ended by " + e.Signal.String() }

// Cut shortens what a message quotes of the caller's: a path of a certificate, which may
// be long, is told with its end, because several are often alike up to there.
func Cut(s string) string { return CutTo(s, 256) }

// CutTo shortens what somebody else may have made as long as they liked.
func CutTo(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// NetText says what is wrong with an address of a network's, without what package net puts
// around it.
func NetText(err error) string {
	op, ok := err.(*net.OpError)
	if !ok {
		return err.Error()
	}
	if name, ok := errors.AsType[*net.DNSError](op.Err); ok && name.IsNotFound {
		return "there is no host " + Cut(name.Name)
	} else if ok {
		reason := name.Err[strings.LastIndex(name.Err, ": ")+1:] // behind the addresses that were asked from and at
		if name.IsTimeout {
			reason = "the DNS servers do not answer"
		}
		return "cannot look up " + Cut(name.Name) + ": " + strings.TrimSpace(reason)
	}
	if op.Addr == nil {
		return NetReason(err)
	}
	return Cut(op.Addr.String()) + ": " + NetReason(err)
}

// NetReason is NetText without the address.
func NetReason(err error) string {
	if op, ok := err.(*net.OpError); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err.Error()
}

// PathText says what is wrong with a file without the name of a system call.
func PathText(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return Cut(path.Path) + ": " + path.Err.Error()
	}
	return err.Error()
}
