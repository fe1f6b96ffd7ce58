package invocation

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
)

const (
	// DefaultConnections and DefaultHandshakes are what no option changes.
	DefaultConnections = 1000
	DefaultHandshakes  = 100
	mostLimit          = 1_000_000
	mostGiven          = 64
)

// user reads --user.
func (p *parser) user() (err error) {
	value, ok := p.words.Value("user")
	if !ok {
		return nil
	}
	if os.Geteuid() != 0 {
		return status.Usagef("--user: only root can become another user")
	}
	if p.inv.Listen.User, err = privilege.ParseAccount(value); err == nil && p.inv.Listen.User == nil {
		return status.Usagef("--user: there is no user %q", value)
	}
	return err
}

// givenSockets reads what systemd's sd_listen_fds(3) does: the number of
// sockets in LISTEN_FDS, meant for us only if LISTEN_PID is our own.
func (p *parser) givenSockets() (t Target, err error) {
	count, err := strconv.Atoi(p.Env["LISTEN_FDS"])
	if p.Env["LISTEN_PID"] != strconv.Itoa(os.Getpid()) || err != nil || count < 1 || count > mostGiven {
		return t, status.Usagef("listen needs an address, as 127.0.0.1:8443 or [::1]:0 or unix:PATH, or sockets from a service manager")
	}
	for n := FirstGiven; n < FirstGiven+count; n++ {
		if err := p.Claims.Claim(n, "LISTEN_FDS", process.ToRead); err != nil {
			return t, err
		}
		t.Given = append(t.Given, n)
	}
	return t, nil
}

// listenAddress reads the address of listen: HOST:PORT, :PORT for every
// address, unix:PATH, or fd:N for an inherited socket. Port 0 lets the kernel
// choose.
func (p *parser) listenAddress(s string) (t Target, err error) {
	if n, ok := process.Named(s); ok {
		lack := status.Cut(s) + " is no descriptor that was inherited and is free"
		return Target{Given: []int{n}}, p.Claims.ClaimOr(lack, n, "listen", process.ToRead)
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return Target{Network: "unix", Address: path}, checkPath(path)
	}
	host, port, err := split(s)
	if place := ofURL(s); place != "" {
		return t, status.Usagef("this is a URL: the address to listen at would be %s", place)
	}
	if isNumber(s) {
		return t, status.Usagef("%q is not HOST:PORT: 127.0.0.1:%s is for this machine alone, :%s for every address", s, s, s)
	}
	if err == nil && host == "*" && port != "" {
		return t, status.Usagef("%q is not HOST:PORT: :%s is every address", status.Cut(s), status.Cut(port))
	}
	if err != nil || port == "" { // as of a variable that is not set: only 0 is any port
		return t, noPlace(s)
	}
	if _, err := portNumber(port); err != nil {
		return t, status.Usagef("%q is not a port", status.Cut(port))
	}
	t = Target{Network: "tcp", Address: s}
	if host == "" {
		return t, nil
	}
	place, err := parseHost(host)
	if err != nil {
		return t, err
	}
	t.Address = net.JoinHostPort(place.dial, port)
	// Package net would take it for every address, of IPv6, too.
	if addr, err := netip.ParseAddr(host); err == nil && addr.Unmap() == netip.IPv4Unspecified() {
		t.Network = "tcp4"
	}
	return t, nil
}

// admission reads how much a listener's clients can make it hold, and what it
// hands on.
func (p *parser) admission() error {
	limits := &p.inv.Listen.Admission
	*limits = Admission{Connections: DefaultConnections, Handshakes: DefaultHandshakes}
	for _, l := range []struct {
		name string
		into *int
	}{
		{"max-connections", &limits.Connections},
		{"max-per-address", &limits.PerAddress},
		{"max-handshakes", &limits.Handshakes},
	} {
		if value, ok := p.words.Value(l.name); ok {
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > mostLimit {
				return status.Usagef("--%s: %q is not a number from 1 to %d", l.name, status.Cut(value), mostLimit)
			}
			*l.into = n
		}
	}
	if limits.PerAddress == 0 {
		limits.PerAddress = max(1, limits.Connections/2)
	}
	// Each that waits holds a descriptor, and others are needed as well.
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	limits.Waiting = max(1, int(min(uint64(limits.Connections), uint64(files.Cur)/2)))
	if p.words.Form == option.Listen {
		p.handOn()
	}
	return nil
}

// handOn sorts what each accept has from us: its arguments, without the address;
// the lines that came by our own options descriptor; and the files that it reads
// again.
func (p *parser) handOn() {
	l := &p.inv.Listen
	l.Args = []string{string(option.Accept)}
	for _, o := range option.Table {
		if o.HandedOn() {
			for _, value := range p.words.Given[o.Name] {
				if o.Arg == "" {
					l.Args = append(l.Args, "--"+o.Name)
				} else {
					l.Args = append(l.Args, "--"+o.Name+"="+value)
				}
			}
		}
		if o.Reread {
			for _, value := range p.words.Values[o.Name] {
				name := o.File(value)
				isWord := strings.Contains(name, "sha256//") || o.Name == "client-trust" && name == "none"
				if _, given := process.Named(name); !given && !isWord {
					l.Reread = append(l.Reread, NamedFile{o.Name, name})
				}
			}
		}
	}
	for _, line := range p.words.Lines {
		name, _, _ := strings.Cut(line, " ")
		if o := option.Named(name); o != nil && o.HandedOn() {
			l.Lines = append(l.Lines, line)
		}
	}
}
