package main

import (
	"crypto"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/sandbox"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/stream"
)

// A server's keys are in a process of their own, the signing process, one for
// each listener or lone accept. It reads the keys, so that no other process of
// ours ever has them, and signs what servers sign in a handshake: once for each
// connection that it is given, by package signer's protocol.
//
// It is given them on a socket, the supply. There it first says how it goes:
// frames of a length, 4 bytes, and text: one that is empty, or else why it
// cannot be; and one with the certificate chain of each key, PEM. From then on
// each byte that comes to it brings a descriptor, the connection's. At the
// supply's end it serves those that it has, and ends.

// signingProcess is its first argument. Behind it stand the number of the
// supply, the mode of the sandbox, whether TLS 1.2 is allowed, the user to
// become or -, and a certificate and a key of each pair.
const signingProcess = ":signer"

// signing is our side of a signing process.
type signing struct {
	supply int
	ended  chan struct{}
}

// startSigning starts a signing process for pairs of --cert and --key, and
// gives their certificate chains.
func (p *parser) startSigning(pairs [][2]string) (*signing, [][]byte, error) {
	supply, err := newSocketPair()
	if err != nil {
		return nil, nil, usagef("--key: cannot start a signing process: %v", err)
	}
	tls12 := !p.words.has("min-security") || p.words.values["min-security"][0] == "standard"
	args := []string{os.Args[0], signingProcess, itoa(supply[1]), itoa(int(p.inv.sandbox)), strconv.FormatBool(tls12), p.inv.user.String()}
	given := []int{supply[1]}
	for _, pair := range pairs {
		for i, option := range []string{"cert", "key"} {
			n, err := p.files.pass(option, pair[i])
			if err != nil {
				return nil, nil, err
			}
			if n >= 0 && !slices.Contains(given, n) {
				given = append(given, n)
			}
			args = append(args, pair[i])
		}
	}
	pid, err := forkSelf(args, given, p.fds)
	for _, n := range given {
		unix.Close(n)
	}
	if err != nil {
		return nil, nil, usagef("--key: cannot start a signing process: %v", err)
	}
	s := &signing{supply: supply[0], ended: make(chan struct{})}
	go func() {
		reapChild(pid)
		close(s.ended)
	}()
	chains, err := s.chains(len(pairs))
	return s, chains, err
}

// forkSelf starts another tlsify, which has of our descriptors those that are
// given, under the same numbers, and 2.
func forkSelf(args []string, given []int, fds *descriptors) (pid int, err error) {
	null, err := openNull()
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	files := []uintptr{uintptr(null), uintptr(null), inheritable(3, fds, null)[2]}
	for n := 3; n <= slices.Max(given); n++ {
		if slices.Contains(given, n) {
			files = append(files, uintptr(n))
		} else {
			files = append(files, ^uintptr(0))
		}
	}
	return syscall.ForkExec(ownProgram, args, &syscall.ProcAttr{Env: []string{}, Files: files})
}

// chains reads what the signing process says first.
func (s *signing) chains(count int) ([][]byte, error) {
	supply, err := stream.NewFD(s.supply)
	if err != nil {
		return nil, usagef("--key: %v", err)
	}
	problem, err := signer.ReadFrame(supply)
	if err == nil && len(problem) > 0 {
		return nil, usagef("%s", problem)
	}
	var chains [][]byte
	for ; err == nil && len(chains) < count; err = nil {
		var chain []byte
		if chain, err = signer.ReadFrame(supply); err != nil {
			break
		}
		chains = append(chains, chain)
	}
	if err != nil {
		return nil, &failure{Status: statusInternal, Code: "internal", Text: "the signing process has ended at its start"}
	}
	return chains, nil
}

// connect gives a connection to the signing process: a descriptor, closed on
// exec.
func (s *signing) connect() (int, error) {
	ends, err := newSocketPair()
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	err = unix.Sendmsg(s.supply, []byte{1}, unix.UnixRights(ends[1]), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	unix.Close(ends[1])
	if err != nil {
		unix.Close(ends[0])
		return -1, os.NewSyscallError("sendmsg", err)
	}
	return ends[0], nil
}

// finish lets the signing process end when its connections have.
func (s *signing) finish() { unix.Close(s.supply) }

// serveSigning is all of the life of a signing process.
func serveSigning(args []string) int {
	sandbox.Harden() // what holds is reported by the sandbox
	if len(args) < 6 || len(args)%2 != 0 {
		return statusUsage
	}
	n, err1 := strconv.Atoi(args[0])
	mode, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil {
		return statusUsage
	}
	unix.CloseOnExec(n)
	supply, err := stream.NewFD(n)
	if err != nil {
		return statusUsage
	}
	keys := &signer.Keys{TLS12: args[2] == "true", PerStream: 1}
	chains, err := prepareSigning(keys, sandboxMode(mode), args[3], args[4:])
	if err != nil {
		signer.WriteFrame(supply, []byte(err.Error()))
		return statusUsage
	}
	for _, frame := range append([][]byte{nil}, chains...) {
		if signer.WriteFrame(supply, frame) != nil {
			return statusInternal
		}
	}
	var serving sync.WaitGroup
	for {
		conn, err := nextConnection(supply)
		if err == io.EOF {
			serving.Wait()
			return statusOK
		}
		if err != nil {
			continue // one that came without its descriptor has ended by that
		}
		serving.Go(func() {
			defer conn.Close()
			signer.Serve(conn, keys)
		})
	}
}

// prepareSigning reads the keys, becomes the user that is meant, and is
// confined.
func prepareSigning(keys *signer.Keys, mode sandboxMode, user string, names []string) (chains [][]byte, err error) {
	f := newFiles(&descriptors{used: map[int]string{}})
	for i := 0; i < len(names); i += 2 {
		id, err := f.identity(names[i], names[i+1])
		if err != nil {
			return nil, err
		}
		keys.Add(id.Leaf.RawSubjectPublicKeyInfo, signWith(id.Key))
		var chain []byte
		for _, der := range id.Chain {
			chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		chains = append(chains, chain)
	}
	f.fds.closeUnnamed()
	account, err := parseAccount(user)
	if err != nil {
		return nil, err
	}
	if err := account.become(); err != nil {
		return nil, err
	}
	if mode != sandboxOff {
		if _, err := sandbox.Prepare(sandbox.Needs{}).Enter(); err != nil && mode == sandboxRequire {
			return nil, unconfined(err)
		}
	}
	return chains, nil
}

// signWith signs with a key of ours.
func signWith(key crypto.Signer) signer.Sign {
	return func(message []byte, opts crypto.SignerOpts) ([]byte, error) {
		return crypto.SignMessage(key, rand.Reader, message, opts)
	}
}

// nextConnection takes the next connection from the supply. The error is io.EOF
// when there will be none.
func nextConnection(supply *stream.FD) (*stream.FD, error) {
	if err := supply.WaitReadable(); err != nil {
		return nil, io.EOF
	}
	var word [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, rightsLen, err := receiveRights(supply.Number(), word[:], rights)
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return nil, err
	case err != nil || n == 0:
		return nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("there is no descriptor")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("there is no descriptor")
	}
	return stream.NewFD(fds[0])
}

// isSigner tells whether a --key is in another's signer, and which.
func isSigner(key string) (which string, ok bool) { return strings.CutPrefix(key, "signer:") }
