package caller

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/pump"
	"tlsify/stream"
)

// SClientHelp lists the options of openssl s_client that are understood, for scripts
// that look whether there is one.
func SClientHelp() string { return personality.SClientHelp() }

// sClient is what a caller of openssl s_client expects beside the stream.
type sClient struct {
	prints  bool
	options personality.TranscriptOptions
	ciphers []string // that the peer may choose; nil: all
	lines   *lines   // nil: the plaintext goes as it is
	begun   *facts.Facts
	over    bool // everything has been said
}

// newSClient puts the plaintext behind what -crlf and -no-interactive make of
// it.
func newSClient(call *personality.Call) (*Teller, error) {
	s := &sClient{ciphers: call.Ciphers}
	if call.Tell != nil {
		s.prints, s.options = true, call.Tell.Transcript
	}
	if call.CRLF && !call.NoInput {
		var err error
		if s.lines, err = newLines(); err != nil {
			return nil, err
		}
	}
	return &Teller{sClient: s}, nil
}

// ready says what the handshake has come to, and lets the plaintext go.
func (s *sClient) ready(f *facts.Facts) error {
	cipher := facts.OpenSSLCipher(f.State.Cipher)
	if s.ciphers != nil && !slices.Contains(s.ciphers, cipher) {
		return &status.Failure{Status: status.Handshake, Code: "security-level", Text: "the server has chosen " + cipher + ", which is not among those that -cipher and -ciphersuites name"}
	}
	s.over = true
	text := s.transcript(nil)
	switch {
	case !s.prints:
	case s.options.Brief:
		unix.Write(2, text.Brief())
	default:
		if err := say(text.Full()); err != nil {
			return &pump.LocalError{Err: err}
		}
	}
	if s.lines != nil {
		go s.lines.run()
	}
	return nil
}

// failed says what there was of a handshake that came to nothing.
func (s *sClient) failed(f *status.Failure) {
	if s.over || s.begun == nil || f.Code == "" || !s.prints {
		return
	}
	s.over = true
	text := s.transcript(f)
	if complaint := text.Complaint(); complaint != nil {
		unix.Write(2, complaint)
	}
	if !s.options.Brief {
		say(text.Full()) // why it failed is told anyway
	}
}

func (s *sClient) transcript(f *status.Failure) facts.Transcript {
	o := s.options
	return facts.Transcript{Facts: s.begun, Failure: f, Chain: o.Chain, Strict: o.Strict, Status: o.Status, Address: o.Address}
}

// say writes to descriptor 1, whose reader has tellLimit.
func say(text []byte) error {
	out, err := stream.NewFD(1)
	if err != nil {
		return err
	}
	out.SetWriteDeadline(time.Now().Add(tellLimit))
	_, err = out.Write(text)
	return err
}

// noInput ends the plaintext before it has begun.
func noInput() error {
	null, err := process.OpenNull()
	if err != nil {
		return status.Usagef("%v", err)
	}
	defer unix.Close(null)
	if err := unix.Dup2(null, 0); err != nil {
		return status.Usagef("descriptor 0: %v", err)
	}
	return nil
}

// lines makes the ends of the caller's lines those of the network.
type lines struct {
	from int // the caller's
	to   int // the other end of what is descriptor 0 from now on
}

func newLines() (*lines, error) {
	from, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, status.Usagef("descriptor 0 is not open")
	}
	stream.KeepUrgent(from)
	ends, err := process.SocketPair()
	if err != nil {
		return nil, status.Usagef("no socket can be made: %v", err)
	}
	if err := unix.Dup2(ends[0], 0); err != nil {
		return nil, status.Usagef("descriptor 0: %v", err)
	}
	unix.Close(ends[0])
	return &lines{from, ends[1]}, nil
}

// run copies until the end of file. After an error there is none: the peer is
// not to take what has come for all, and descriptor 0 is reset as the caller's was.
func (l *lines) run() {
	from, err := stream.NewFD(l.from)
	if err != nil {
		return
	}
	to, err := stream.NewFD(l.to)
	if err != nil {
		return
	}
	buffer := make([]byte, 16<<10)
	last := byte(0)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(networkLines(buffer[:n], last)); err != nil {
				return
			}
			last = buffer[n-1]
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			if runtime.GOOS != "linux" {
				return
			}
			unix.Write(0, []byte{0}) // nobody reads it, and so the end behind it is a reset
		}
		to.Close()
		return
	}
}

// networkLines puts a CR before each LF that has none. Last is the byte before
// all that.
func networkLines(p []byte, last byte) []byte {
	out := make([]byte, 0, len(p)+bytes.Count(p, []byte("\n")))
	for _, c := range p {
		if c == '\n' && last != '\r' {
			out = append(out, '\r')
		}
		out = append(out, c)
		last = c
	}
	return out
}

// handOn makes this process the next program of the same name in PATH. It
// returns where there is none: nil, if there is something else to do.
func handOn(name string, call *personality.Call) error {
	if next := nextInPath(name); next != "" {
		err := syscall.Exec(next, append([]string{name}, call.HandOn...), process.Environ())
		return status.Usagef("%s: %v", next, err)
	}
	if call.Args != nil {
		return nil
	}
	what := "this"
	if len(call.HandOn) > 0 {
		what = call.HandOn[0]
	}
	return status.Usagef("as %s: there is only s_client here, and %s needs another %s in PATH behind this one", name, status.Cut(what), name)
}

// nextInPath finds the program of that name behind ours; behind nothing, where
// ours is not in PATH.
func nextInPath(name string) string {
	own, err := os.Stat(process.OwnProgram)
	if err != nil {
		return ""
	}
	var found string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		switch {
		case !filepath.IsAbs(dir) || err != nil || !info.Mode().IsRegular() || unix.Access(file, unix.X_OK) != nil:
		case os.SameFile(info, own):
			found = ""
		case found == "":
			found = file
		}
	}
	return found
}
