package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/signer"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/engine"
)

// captive is tlsify as it would be if its peer had taken it over: it goes the
// way of tlsify to the place that CAPTIVE_AT names, does there what CAPTIVE
// says, on a thread that was there before it was confined and on one that was
// not, and says on descriptor 2 what came of it:
//
//	door        where an accept of a listener's waits for its connection
//	hello       where the engine would send its first bytes
//	handshake   where the engine has read the first bytes of the peer
//	ready       where the stream would be carried
//	signing     in the signing process, when it has the keys
func captive() {
	if os.Getenv("CAPTIVE") == "" {
		main() // one of the processes that the captive one has started
	}
	act := attempts[os.Getenv("CAPTIVE")]
	if act == nil {
		fmt.Fprintln(os.Stderr, "captive: what?")
		os.Exit(99)
	}
	begin, result := make(chan bool), make(chan error)
	go func() {
		runtime.LockOSThread()
		<-begin
		result <- act()
	}()
	try := func() {
		runtime.LockOSThread()
		for _, err := range []error{act(), func() error { begin <- true; return <-result }()} {
			var errno syscall.Errno
			switch {
			case err == nil:
				os.Stderr.WriteString("done\n")
			case errors.As(err, &errno):
				os.Stderr.WriteString(unix.ErrnoName(errno) + "\n")
			default:
				os.Stderr.WriteString(err.Error() + "\n")
			}
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == signing.ProcessWord {
		if _, err := signing.Prepare(&signer.Keys{}, privilege.Require, "-", os.Args[2:], nil); err == nil {
			try()
		}
		os.Exit(99)
	}
	if os.Getenv("CAPTIVE_AT") == "door" {
		go func() {
			isFiltered := func() bool {
				_, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
				return err == unix.EPERM
			}
			for !isFiltered() {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(50 * time.Millisecond) // Landlock comes last
			try()
		}()
	}
	for i, e := range engines {
		engines[i] = captiveEngine{e, os.Getenv("CAPTIVE_AT"), try}
	}
	tlsify()
	os.Exit(99)
}

// captiveEngine is taken over at its start, or by the first bytes of the peer.
type captiveEngine struct {
	engine.Engine
	at  string
	try func()
}

func (e captiveEngine) Client(ctx context.Context, stream net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	switch e.at {
	case "hello":
		e.try()
	case "handshake":
		return e.Engine.Client(ctx, captiveStream{stream, e.try}, c)
	}
	session, err := e.Engine.Client(ctx, stream, c)
	return captiveSession{session, e.try}, err
}

func (e captiveEngine) Server(ctx context.Context, stream net.Conn, c *engine.ServerConfig) (engine.Session, error) {
	server := e.Engine.(engine.ServerEngine)
	if e.at == "handshake" {
		return server.Server(ctx, captiveStream{stream, e.try}, c)
	}
	session, err := server.Server(ctx, stream, c)
	return captiveSession{session, e.try}, err
}

func (e captiveEngine) CheckServer(c *engine.ServerConfig) error {
	return e.Engine.(engine.ServerEngine).CheckServer(c)
}

type captiveStream struct {
	net.Conn
	try func()
}

func (s captiveStream) Read(p []byte) (int, error) {
	if n, err := s.Conn.Read(p); n == 0 {
		return n, err
	}
	s.try()
	return 0, nil
}

// captiveSession is taken over where the stream would be carried.
type captiveSession struct {
	engine.Session
	try func()
}

func (s captiveSession) Read([]byte) (int, error) {
	s.try()
	return 0, io.EOF
}

// attempts are what can be tried. CAPTIVE_PATH is the path for some of them,
// and CAPTIVE_PARENT the number of a process of the same user's.
var attempts = map[string]func() error{
	"open": func() error { return openAndClose(os.Getenv("CAPTIVE_PATH"), unix.O_RDONLY) },
	"make": func() error {
		return openAndClose(os.Getenv("CAPTIVE_PATH"), unix.O_CREAT|unix.O_WRONLY)
	},
	"mem":    func() error { return openAndClose("/proc/"+os.Getenv("CAPTIVE_PARENT")+"/mem", unix.O_RDONLY) },
	"remove": func() error { return unix.Unlink(os.Getenv("CAPTIVE_PATH")) },
	"socket": func() error { return socketOf(unix.AF_INET, unix.SOCK_STREAM) },
	"unix":   func() error { return socketOf(unix.AF_UNIX, unix.SOCK_STREAM) },
	"raw":    func() error { return socketOf(unix.AF_PACKET, unix.SOCK_RAW) },
	"connect": func() error {
		// Any descriptor will do to see that the call as such is refused.
		return unix.Connect(2, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
	},
	"pair": func() error {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(ends[0])
			unix.Close(ends[1])
		}
		return err
	},
	// A datagram with a descriptor to whoever waits for one: by a pair of
	// datagram sockets or, where sockets can be made, one of them.
	"datagram": func() error {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err != nil {
			ends[0], err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		}
		if err != nil {
			return err
		}
		return unix.Sendmsg(ends[0], []byte("out"), unix.UnixRights(0), &unix.SockaddrUnix{Name: os.Getenv("CAPTIVE_PATH")}, 0)
	},
	// Any descriptor will do for these, as for connect.
	"sendto": func() error {
		return unix.Sendto(2, []byte("out"), 0, &unix.SockaddrUnix{Name: os.Getenv("CAPTIVE_PATH")})
	},
	"fastopen": func() error { return unix.Sendmsg(2, []byte("out"), nil, nil, unix.MSG_FASTOPEN) },
	// PROG's environment, by whatever socket there is: PROG makes a file if it
	// finds the variable.
	"environment": func() error {
		for n := 3; n < 64; n++ {
			if unix.Sendto(n, []byte("BASH_ENV=$(id)\x00\x00"), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil) == nil {
				unix.Shutdown(n, unix.SHUT_WR)
			}
		}
		return nil
	},
	// What the caller has left open, and has not named.
	"unnamed": func() error {
		for n := range 64 {
			b := make([]byte, 6)
			if got, err := unix.Pread(n, b, 0); err == nil && string(b[:got]) == "secret" {
				return nil
			}
		}
		return unix.EBADF
	},
	// A file of certificates that is open still.
	"held": func() error {
		for n := range 64 {
			b := make([]byte, 10)
			if got, err := unix.Pread(n, b, 0); err == nil && string(b[:got]) == "-----BEGIN" {
				return nil
			}
		}
		return unix.EBADF
	},
	"exec":   func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
	"ptrace": func() error { return syscall.PtraceAttach(parentPID()) },
	"readv": func() error {
		var b [8]byte
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		_, err := unix.ProcessVMReadv(parentPID(), local, []unix.RemoteIovec{{Base: 4096, Len: 8}}, 0)
		return err
	},
	"kill": func() error { return unix.Kill(parentPID(), 0) },
	// A signal to whoever made one of the sockets that there are: the socket has a
	// descriptor of its maker's process, and signals are allowed by the number of
	// PROG's.
	"maker": func() error {
		var last error = unix.EPERM
		for n := range 64 {
			made, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
			if err != nil || made < 3 {
				continue
			}
			for handle := 3; handle < 64; handle++ {
				if handle == made || unix.Dup3(made, handle, unix.O_CLOEXEC) != nil {
					continue
				}
				if last = unix.PidfdSendSignal(handle, 0, nil, 0); last == nil {
					return nil
				}
			}
		}
		return last
	},
	"fork": func() error {
		child, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
		if errno == 0 && child == 0 {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return errnoOf(errno)
	},
	// A thread in namespaces of its own, which is root's to make. The kernel would not
	// make this one: it lacks what every thread needs.
	"namespace": func() error {
		_, _, errno := syscall.RawSyscall(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_NEWNET|unix.CLONE_NEWNS, 0, 0)
		return errnoOf(errno)
	},
	// What the caller's files have already: by an offset, or another place, or where a file is added to.
	"offset": func() error {
		_, err := unix.Pwritev2(2, [][]byte{[]byte("over")}, 0, unix.RWF_NOWAIT)
		return err
	},
	"seek": func() error {
		_, err := unix.Seek(2, 0, io.SeekStart)
		return err
	},
	"append": func() error {
		_, err := unix.FcntlInt(2, unix.F_SETFL, 0)
		return err
	},
	"code": func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	},
	"dumpable": func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
	"core":     func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}) },
	"tty":      func() error { return unix.IoctlSetPointerInt(0, unix.TIOCSTI, 'x') },
	"io_uring": func() error {
		var params [120]byte
		_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
		return errnoOf(errno)
	},
}

func errnoOf(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func openAndClose(path string, flags int) error {
	n, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(n)
	}
	return err
}

func socketOf(family, kind int) error {
	n, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		unix.Close(n)
	}
	return err
}

func parentPID() int {
	pid, _ := strconv.Atoi(os.Getenv("CAPTIVE_PARENT"))
	return pid
}
