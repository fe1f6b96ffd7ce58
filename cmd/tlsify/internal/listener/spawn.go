package listener

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/status"
)

// mostSpawning is how many processes are started at a time: each takes a thread
// until it is there.
const mostSpawning = 4

// mostTries is how many processes for one connection may end at their start: a SIGHUP for
// all of our processes ends one that is not yet so far as to ignore it.
const mostTries = 5

var errSlow = errors.New("the connection's process was not ready within --handshake-timeout")

// spawn has a connection served by an accept that waits for one, or else by a new
// one.
func (s *service) spawn(v *visitor, conn int) error {
	inv := s.current()
	wanted := func() error { return s.wanted(v, conn) }
	if err := wanted(); err != nil {
		return err
	}
	for a := s.pool.take(inv); a != nil; a = s.pool.take(inv) {
		s.admission.started(v, func() { s.children.kill(a.pid) }, a.unheard)
		if a.let(conn) == nil {
			s.follow(a, v)
			return nil
		}
		s.dismiss(a)
	}
	for tries := 1; ; tries++ {
		a, err := s.pool.start(wanted)
		if err != nil {
			return err
		}
		s.admission.started(v, func() { s.children.kill(a.pid) }, a.unheard)
		err = a.let(conn)
		switch {
		case err == errEndedAtStart && tries < mostTries:
			s.pool.dismiss(a)
			continue
		case err == nil, err == errEndedAtStart, errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
			s.follow(a, v) // it has the connection, or has said why it ended
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // it did not ask for what it is to have
			err = errSlow
		}
		s.pool.dismiss(a) // it would wait for ever
		return err
	}
}

// wanted is why v needs no process, if so. Who sends a message and leaves would take a
// process each time, and keep out those who wait behind for theirs.
func (s *service) wanted(v *visitor, conn int) error {
	switch {
	case s.admission.endedByUs(v):
		return limitError("--max-handshakes")
	case hasLeft(conn):
		return errLeft
	}
	return nil
}

// follow has an accept that has its connection heard, and its end be that of the
// visitor's.
func (s *service) follow(a *accept, v *visitor) {
	go func() {
		defer close(a.heard)
		s.hear(v, a.said)
	}()
	if a.attach(v) != nil {
		s.leave(a, v)
	}
	go s.answer(a)
}

// leave has v's connection be over, as its process is, when what that has said has been
// heard: that it was established may be among it, and who leaves before is an offender.
func (s *service) leave(a *accept, v *visitor) {
	go func() {
		select {
		case <-a.heard:
		case <-time.After(hearTime): // whoever took it over may have left its end to PROG
		}
		s.admission.over(v)
		s.pool.fill()
	}()
}

// hearTime is how long a process that has ended is heard out.
const hearTime = time.Second

// dismiss ends an accept that has no connection.
func (s *service) dismiss(a *accept) {
	s.children.kill(a.pid)
	a.door.Close()
	a.said.Close()
}

// start starts an accept, if it is wanted still when it is its turn. What options-fd and
// fd:N gave us is handed on under the same numbers, so that nothing private comes to stand
// in the child's arguments.
func (s *service) start(wanted func() error) (*accept, error) {
	s.spawning <- struct{}{}
	defer func() { <-s.spawning }()
	if err := wanted(); err != nil {
		return nil, err
	}
	inv, toSigner, err := s.material()
	if err != nil {
		return nil, err
	}
	defer unix.Close(toSigner)
	prog, err := process.Find(inv.Program.Args[0])
	if err != nil {
		return nil, err // and nobody shakes hands in vain
	}
	null, err := process.OpenNull()
	if err != nil {
		return nil, err
	}
	defer unix.Close(null)
	most := max(s.doorFD, inv.HandedOn.SignerFD) + 1
	for n := range inv.HandedOn.Memory {
		most = max(most, n+1)
	}
	files := process.Inheritable(most, inv.Claims, null)
	for n := range inv.HandedOn.Memory {
		files[n] = uintptr(null) // until it asks for what is to be there
	}
	door, err := process.SocketPair()
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(door[1])
	said, err := process.Pipe()
	if err != nil {
		unix.Close(door[0])
		return nil, os.NewSyscallError("pipe", err)
	}
	defer unix.Close(said[1])
	for _, n := range []int{door[0], said[0]} {
		unix.SetNonblock(n, true) // the runtime can wait for all of them together then
	}
	a := &accept{inv: inv, prog: prog, furnished: make(chan struct{}), heard: make(chan struct{}), door: os.NewFile(uintptr(door[0]), "door"), said: os.NewFile(uintptr(said[0]), "control")}
	if toSigner >= 0 {
		files[inv.HandedOn.SignerFD] = uintptr(toSigner)
	}
	files[0], files[s.doorFD], files[s.controlFD] = uintptr(null), uintptr(door[1]), uintptr(said[1])
	words := []string{os.Args[0], HeardWord, "0", strconv.Itoa(s.doorFD), "0"}
	env, again := s.environment, process.Again
	if s.startsPrograms && inv.SignsItself() { // it starts nothing that would inherit this
		words[4] = strconv.Itoa(process.AllowedProcessors())
		env, again = process.WithOneProcessor(env), process.AgainUnhurried
	}
	if !s.startsPrograms {
		words[2], files[s.errorsFD] = strconv.Itoa(s.errorsFD), files[2]
	}
	files[2] = uintptr(null)
	words = process.WithSwitches(slices.Concat(words, []string{"--control-fd=" + strconv.Itoa(s.controlFD)}, inv.HandedOn.Args[1:]))
	a.pid, err = s.children.start(func() (int, error) { return again(words, &syscall.ProcAttr{Env: env, Files: files}) },
		func(syscall.WaitStatus) {
			if v := a.end(); v != nil {
				s.leave(a, v)
			}
		})
	if err != nil {
		a.door.Close()
		a.said.Close()
		return nil, os.NewSyscallError("fork", err)
	}
	go func() {
		a.unfit = giveWhenAsked(a.door, inv.HandedOn.Memory, s.limit)
		close(a.furnished)
	}()
	return a, nil
}

// material is what the next accept gets, with its connection to the signing
// process, or -1.
func (s *service) material() (*acquire.Resources, int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.inv.Keys.Process == nil {
		return s.inv, -1, nil
	}
	toSigner, err := s.inv.Keys.Process.Connect()
	return s.inv, toSigner, err
}

// current is what connections that come now are served with.
func (s *service) current() *acquire.Resources {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.inv
}

// hear listens to an accept until its end: for the end of its handshake, and for
// what people are to be told of.
func (s *service) hear(v *visitor, said *os.File) {
	defer said.Close()
	ended := false
	for lines := bufio.NewReaderSize(said, 512); ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			switch {
			case ended:
			case s.admission.endedByUs(v):
				s.notices.Tell("unfinished", v.client, "the handshake was not over when others needed the room (--max-handshakes, --max-per-address)")
			default:
				s.notices.Tell("died", v.client, "the connection's process has died, by a fault or for want of memory or threads (internal)")
			}
			return
		}
		keyword, value, _ := strings.Cut(string(line), " ")
		switch {
		case keyword == "ready" && !more:
			s.admission.established(v)
			s.pool.fill()
		case keyword == "end":
			ended = true
		case keyword == "error":
			code, text, _ := strings.Cut(value, " ")
			if _, known := status.Explain(code); !known {
				code = "internal" // else whoever took the process over would have the kinds that are counted to choose from
			}
			s.notices.Tell(code, v.client, status.Unescape(text)+" ("+code+")")
		}
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
	}
}

// answer has PROG started, once, when an accept asks for it.
func (s *service) answer(a *accept) {
	defer a.door.Close()
	if !s.startsPrograms {
		return
	}
	a.door.SetDeadline(time.Time{})
	p := a.inv.Program
	plan := program.Plan{Args: p.Args, In: p.In, Out: p.Out, End: p.End, OneSocket: true,
		Claims: a.inv.Claims, Env: s.programEnvironment, Names: facts.ProgramVariables()}
	plan.Answer(a.door, func(attr *syscall.ProcAttr) (int, error) {
		s.spawning <- struct{}{}
		defer func() { <-s.spawning }()
		return process.Start(a.prog, p.Args, attr) // its end interests the accept alone
	})
}

// listenVariables are those of sd_listen_fds(3).
var listenVariables = []string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"}

// handedOn is an environment without what was said to the listener alone.
func handedOn(env []string) []string {
	return slices.DeleteFunc(facts.WithoutUCSPI(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(listenVariables, name)
	})
}
