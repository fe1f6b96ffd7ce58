package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// listeningPrefix begins the line with which a process of this package says
// where it listens.
const listeningPrefix = "listening "

// Listening writes that line.
func Listening(out io.Writer, address string) error {
	_, err := fmt.Fprintf(out, "%s%s\n", listeningPrefix, address)
	return err
}

// background is a process of this program's own, of another role. It ends when
// its standard input does, and so with us, however we end.
type background struct {
	Addr  string // where it listens
	cmd   *exec.Cmd
	stdin io.Closer
}

// startBackground runs self with the arguments.
func startBackground(self string, env []string, args ...string) (*background, error) {
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &background{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), listeningPrefix)
	if err != nil || !ok {
		b.stop()
		return nil, fmt.Errorf("%s %s did not start: %v", self, args[0], err)
	}
	b.Addr = addr
	return b, nil
}

func (b *background) stop() {
	b.stdin.Close()
	b.cmd.Wait()
}

// args gives the arguments with which `serve` makes this configuration again.
func (c ServerConfig) args() []string {
	args := []string{"serve"}
	if c.Line != "" {
		args = append(args, "--line", c.Line)
	}
	if c.Plain {
		return append(args, "--plain")
	}
	args = append(args, "--cert", c.CertFile, "--key", c.KeyFile)
	if c.PQ {
		args = append(args, "--pq")
	}
	if c.Version != 0 {
		args = append(args, fmt.Sprintf("--tls-version=%d", c.Version))
	}
	if c.Suite != 0 {
		args = append(args, fmt.Sprintf("--suite=%d", c.Suite))
	}
	if c.Group != "" {
		args = append(args, "--group", c.Group)
	}
	if c.AfterClient {
		args = append(args, "--after-client")
	}
	return args
}

// ServerKind is a server that an experiment asks its Rig for; the fields are
// ServerConfig's where nothing else is said.
type ServerKind struct {
	Plain   bool
	PQ      bool
	Key     KeyKind
	Version uint16
	Suite   uint16
	Group   string
	// AfterClient has the client speak first, too.
	AfterClient bool
	// Debug is the server's GODEBUG, where crypto/tls leaves no other way:
	// noAES, oldHash.
	Debug string
	// Link is what lies between the contestants and the server.
	Link Link
}

const (
	// noAES makes crypto/tls believe that its processor has no AES, so that
	// it chooses ChaCha20-Poly1305 where that is on offer.
	noAES = "cpu.aes=off"
	// oldHash allows clients of TLS 1.2 that do not name a hash, and so get
	// SHA-1.
	oldHash = "tlssha1=1"
)
