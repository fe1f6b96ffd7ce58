// Package signing gets a server's handshakes signed. The keys are never in the process
// that talks to the peer: they are in our own signing process (process.go), or with a
// signer that --key names (signers.go).
//
// It must not know connections and handshakes; package signer has the messages. Start
// reading at [Open].
package signing

import (
	"crypto"
	"crypto/rand"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
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

// ProcessWord is its first argument. Behind it stand the number of the
// supply, the mode of the sandbox, whether TLS 1.2 is allowed, whether it is a
// listener's, the user to become or -, and a certificate and a key of each pair.
const ProcessWord = ":signer"

// Process is our side of a signing process.
type Process struct {
	supply *stream.FD
	Ended  chan struct{}
}

// mostTries is how many signing processes in a row may end at their start.
const mostTries = 5

// startSigning starts a signing process for pairs of --cert and --key, and
// gives their certificate chains. With an error there is none, or it ends.
//
// A SIGHUP for the whole group, or for all processes of a service, is meant for the
// listener, and ends a signing process that is not yet so far as to ignore it: the
// runtime unblocks it. So another one is started. How it ended cannot be told, because
// a listener may have reaped it with its other children.
func startSigning(r Request, pairs [][2]string) (s *Process, chains [][]byte, err error) {
	args, given, inherited, err := passed(r, pairs)
	defer func() { // those that it has read
		for _, n := range given {
			unix.Close(n)
		}
	}()
	if err != nil {
		return nil, nil, err
	}
	for range mostTries {
		if s, chains, err = startOne(r, args, append(inherited, given...), len(pairs)); err != errEndedAtStart {
			break
		}
	}
	return s, chains, err
}

var errEndedAtStart = &status.Failure{Status: status.Internal, Code: "internal", Text: "the signing process has ended at its start"}

// passed gives the files' names, the descriptors that some of them stand for, which are
// to be closed here, and those that are pipes of others, too, but not what was in them.
func passed(r Request, pairs [][2]string) (names []string, given, inherited []int, err error) {
	for _, pair := range pairs {
		for i, what := range []string{"cert", "key"} {
			n, err := r.Files.Pass(what, pair[i])
			if err != nil {
				return nil, given, nil, err
			}
			if n >= 0 {
				given = append(given, n)
			}
			if n, ok := process.ByPath(pair[i]); ok && !r.Claims.Has(n) && slices.Contains(process.Inherited(), n) {
				if !process.IsPipe(n) {
					return nil, given, nil, status.Usagef("--%s: %s is no pipe, and not only who reads the keys would have it: give a file by its own path, or as fd:N", what, status.Cut(pair[i]))
				}
				inherited = append(inherited, n)
			}
			names = append(names, pair[i])
		}
	}
	return names, given, inherited, nil
}

func startOne(r Request, names []string, given []int, count int) (*Process, [][]byte, error) {
	ends, err := process.SocketPair()
	if err != nil {
		return nil, nil, status.Usagef("--key: cannot start a signing process: %v", err)
	}
	supply, err := stream.NewFD(ends[0])
	if err != nil {
		return nil, nil, status.Usagef("--key: %v", err)
	}
	s := &Process{supply: supply, Ended: make(chan struct{})}
	err = s.start(r, names, given, ends[1])
	unix.Close(ends[1])
	var chains [][]byte
	if err == nil {
		chains, err = s.chains(count)
	}
	if err != nil {
		s.Finish()
		return nil, nil, err
	}
	return s, chains, nil
}

// start starts it, with its end of the supply.
func (s *Process) start(r Request, names []string, given []int, its int) error {
	args := append([]string{os.Args[0], ProcessWord, strconv.Itoa(its), strconv.Itoa(int(r.Sandbox)), strconv.FormatBool(r.TLS12), strconv.FormatBool(r.Listen), r.User.String()}, names...)
	env := []string{}
	if !r.Listen {
		env = process.OfOneProcessor
	}
	pid, err := process.ForkSelf(args, env, append([]int{its}, given...), r.Claims)
	if err != nil {
		return status.Usagef("--key: cannot start a signing process: %v", err)
	}
	go func() {
		process.Reap(pid)
		close(s.Ended)
	}()
	return nil
}

// chains reads what the signing process says first.
func (s *Process) chains(count int) ([][]byte, error) {
	problem, err := signer.ReadFrame(s.supply)
	if err == nil && len(problem) > 0 {
		return nil, status.Usagef("%s", problem)
	}
	var chains [][]byte
	for err == nil && len(chains) < count {
		var chain []byte
		chain, err = signer.ReadFrame(s.supply)
		chains = append(chains, chain)
	}
	if err != nil {
		return nil, errEndedAtStart
	}
	return chains, nil
}

// Connect gives a connection to the signing process: a descriptor, closed on
// exec.
func (s *Process) Connect() (int, error) {
	ends, err := process.SocketPair()
	if err != nil {
		return -1, os.NewSyscallError("socketpair", err)
	}
	// Its runtime waits for all of them together: there may be many, and each that waited by
	// itself would take a thread. It is confined, and cannot set this.
	unix.SetNonblock(ends[1], true)
	err = process.Give(s.supply.Number(), ends[1])
	unix.Close(ends[1])
	if err != nil {
		unix.Close(ends[0])
		return -1, os.NewSyscallError("sendmsg", err)
	}
	return ends[0], nil
}

// Finish lets the signing process end when its connections have.
func (s *Process) Finish() {
	if s != nil {
		s.supply.Close()
	}
}

// reserve is how many calls of the system may wait at a time: for the supply,
// and for what is read at the start.
const reserve = 3

// Serve is all of the life of a signing process. Other may be nil.
func Serve(args []string, other func(pkcs8 []byte) (crypto.Signer, error)) int {
	// What ends the listener may go to the whole group: it has the last word.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	process.Harden() // what holds is reported by the sandbox
	if len(args) < 7 || len(args)%2 == 0 {
		return status.Usage
	}
	n, err1 := strconv.Atoi(args[0])
	mode, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil {
		return status.Usage
	}
	unix.CloseOnExec(n)
	supply, err := stream.NewFD(n)
	if err != nil {
		return status.Usage
	}
	if args[3] == "true" { // there may be many to sign for
		process.AllProcessors()
		process.ReserveThreads(reserve)
	}
	keys := &signer.Keys{TLS12: args[2] == "true", PerStream: 1}
	chains, err := Prepare(keys, privilege.Mode(mode), args[4], args[5:], other)
	if err != nil {
		signer.WriteFrame(supply, []byte(err.Error()))
		return status.Usage
	}
	for _, frame := range append([][]byte{nil}, chains...) {
		if signer.WriteFrame(supply, frame) != nil {
			return status.Internal
		}
	}
	var serving sync.WaitGroup
	for {
		conn, err := nextConnection(supply)
		if err == io.EOF {
			serving.Wait()
			return status.OK
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

// Prepare reads the keys, those of kinds that crypto/x509 does not have by other
// where that is not nil, becomes the user that is meant, and is confined.
func Prepare(keys *signer.Keys, mode privilege.Mode, user string, names []string, other func(pkcs8 []byte) (crypto.Signer, error)) (chains [][]byte, err error) {
	f := source.New()
	f.OtherKeys = other
	for i := 0; i < len(names); i += 2 {
		id, err := f.Identity(names[i], names[i+1])
		if err != nil {
			return nil, err
		}
		keys.Add(id.PublicKeyInfo(), id.Key.Public(), SignWith(id.Key))
		chain, err := source.ChainPEM(id)
		if err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	process.CloseInherited()
	account, err := privilege.ParseNumbered(user)
	if err != nil {
		return nil, err
	}
	if err := account.Become(); err != nil {
		return nil, err
	}
	return chains, mode.Confine("", func(string) {}) // nobody is there to be told
}

// SignWith signs with a key of ours.
func SignWith(key crypto.Signer) signer.Sign {
	return func(message []byte, opts crypto.SignerOpts) ([]byte, error) {
		return crypto.SignMessage(key, rand.Reader, message, opts)
	}
}

// nextConnection takes the next connection from the supply. The error is io.EOF
// when there will be none.
func nextConnection(supply *stream.FD) (*os.File, error) {
	n, err := process.TakeGiven(supply)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), "connection"), nil
}
