// Package invocation parses a command line into values, and judges each of them. It opens
// nothing, starts nothing and waits for nothing. It only looks things up in the system's
// lists of users and ports, and sees whether the file of a --fingerprint is there; package
// acquire does the rest.
//
// It must not know how anything is carried out. Start reading at [Invocation], then
// [Parse].
package invocation

import (
	"net/netip"
	"slices"
	"time"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/verify"
)

// Invocation is a valid command. A file is a name here, and a descriptor a
// number, which Claims knows.
type Invocation struct {
	Form  option.Form
	Topic string // of help
	JSON  bool   // fingerprint, inspect
	// Inspect is what `tlsify inspect` is to print of a connection, whose form is
	// connect; empty: it is not inspected.
	Inspect Print
	// Capture is the file of a ClientHello for fingerprint; empty: descriptor 0,
	// or Listen.Target where that is set.
	Capture string
	// Compare is the capture that Capture is compared with, or empty.
	Compare string
	// Save is the file for the ClientHello that was heard, or empty.
	Save string

	Say     status.Reporter
	Claims  *process.Claims
	Sandbox privilege.Mode
	Engine  engine.Engine

	Host    verify.Name // connect: HOST; zero where there is none
	Target  dial.Target // connect, where there is no Network
	Network []int       // the network's descriptor, or two; nil: dial
	Door    int         // an accept's of a listener: by which its connection comes; 0: it is there
	Listen  Listen
	Program Program

	TLS       TLS
	Trust     *Trust // nil: the peer is not asked for a certificate
	Session   *Session
	Starttls  Starttls
	Limits    Limits
	Stream    Stream
	Answering Answering
}

// Status is the exit status of a failure before PROG started, if there is a
// PROG that this process would have started.
func (inv *Invocation) Status(f *status.Failure) int {
	if inv.Program.Args != nil && inv.Form != option.Listen && f.Status < status.WithProg {
		return status.WithProg + f.Status
	}
	return f.Status
}

// Print is a form in which something is printed.
type Print string

// The forms of `tlsify inspect`.
const (
	PrintText Print = "text"
	PrintJSON Print = "json"
	PrintPEM  Print = "pem"
)

// Program is PROG.
type Program struct {
	Args    []string // nil: there is none
	In, Out int      // the descriptors on which it has the plaintext
	End     int      // and where it reads how the peer's stream has ended; 0: nowhere
	Errors  int      // what it has as 2, where that is another; 0: the same
}

// Limits are how long something may take.
type Limits struct {
	Connect, Handshake time.Duration
	Total              time.Duration // zero: none
}

// Stream is how the bytes are carried, and to what end.
type Stream struct {
	Idle, Linger time.Duration
	EOF          string        // one of the words for --eof
	EOFWait      time.Duration // for EOFAuto
	Tolerate     bool
	Pump         pump.Kind
	Handoff      string // a kind, or empty
}

// Starttls is how a server is asked to go on with TLS.
type Starttls struct {
	Protocol string // or empty
	Name     string // who is who, where the protocol asks; empty: we are our address
}

// Answering is what the caller has a say in.
type Answering struct{ Ask, Opportunistic bool }

// Context is what an invocation is made in.
type Context struct {
	Env     map[string]string
	Engines Engines
	Claims  *process.Claims
	Say     status.Reporter
	// What only a caller by another program's name can ask for: AnyName takes a
	// server of whatever name, where there is none to expect; Unverified goes on,
	// too, where nothing vouches for it, as --opportunistic does; Bind is the address
	// to dial from.
	AnyName, Unverified bool
	Bind                netip.AddrPort
}

// parser makes an invocation of words.
type parser struct {
	Context
	words *option.Words
	inv   *Invocation
}

// file takes the name of a file, which may be fd:N, for the option what.
func (p *parser) file(what, name string, into *string) error {
	if n, ok := process.Named(name); ok {
		if n <= 2 {
			return notFree(what, n)
		}
		if err := p.Claims.ClaimFile(n, what); err != nil {
			return err
		}
	}
	*into = name
	return nil
}

// notFree refuses 0, 1 or 2 for a file.
func notFree(what string, n int) error {
	return status.Usagef("--%s: descriptor %d is not free for that: 0, 1 and 2 have a use of their own, so take one from 3 on", what, n)
}

// filesOf takes all files of an option.
func (p *parser) filesOf(what string) ([]string, error) {
	files := make([]string, len(p.words.Values[what]))
	for i, name := range p.words.Values[what] {
		if err := p.file(what, name, &files[i]); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Listen is what a listener does, beside what its accepts do.
type Listen struct {
	Target    Target
	Admission Admission
	User      *privilege.Account // whom to become; nil: nobody else

	// Args are the arguments of each accept, without what it has from an
	// options descriptor: Lines, and what is of keys.
	Args, Lines []string
	Reread      []NamedFile // what each accept reads again
}

// Target is where to listen: one of package net's networks, and an address for
// it; or the descriptors of sockets that listen already.
type Target struct {
	Network, Address string
	Given            []int
}

// NamedFile is a file that an option names.
type NamedFile struct{ Option, Name string }

// Admission is --max-connections, --max-per-address, --max-handshakes, and how
// many may wait for their first message.
type Admission struct{ Connections, PerAddress, Handshakes, Waiting int }

// FirstGiven is where the sockets that a service manager has opened for us
// begin.
const FirstGiven = 3

// TLS is what the handshake is about, beside trust.
type TLS struct {
	Level        engine.Level
	Profile      *engine.Profile // or nil
	Groups, ALPN []string
	Signatures   []string
	Binding      string // its kind, or empty
	KeyLog       string // a file, or empty
	Certs, Keys  []string
	StapleFiles  []string

	ServerName      string // a client's, to send; empty: none
	InClear         bool
	SendCANames     bool   // of whom is trusted
	ECH             string // a file, or empty
	ECHGrease       bool   // in place of it
	Fingerprint     string // a name in full, or empty
	FingerprintFile string // a capture, or empty

	ClientAuth engine.ClientAuth // a server's
	TicketKey  string            // a file, or empty
	ECHKey     string            // a file, or empty

	PSK string // a file, or empty
	Raw bool   // raw public keys in place of certificates, on both sides
}

func (t *TLS) peerTypes() []engine.CertificateType {
	if t.Raw {
		return []engine.CertificateType{engine.CertificateRawKey}
	}
	return nil
}

// The kinds of channel binding.
const (
	BindingExporter = "tls-exporter"         // RFC 9266
	BindingEndPoint = "tls-server-end-point" // RFC 5929, section 4
)

// Session is what --session says, and what a session is bound to, as far as
// options say it.
type Session struct {
	Path  string
	FD    int // of fd:N; or 0, and there is a Path
	Bound [][]string
}

// Client is the configuration of a client, without what is in files, and nil for
// a server.
func (inv *Invocation) Client() *engine.ClientConfig {
	if inv.Form != option.Connect {
		return nil
	}
	c := &engine.ClientConfig{Config: inv.common(), ServerName: inv.TLS.ServerName,
		IdentityInClear: inv.TLS.InClear, ECHGrease: inv.TLS.ECHGrease, Fingerprint: inv.TLS.Fingerprint}
	if inv.TLS.SendCANames {
		c.CAs = [][]byte{} // which are in files
	}
	return c
}

// Server is the configuration of a server, without what is in files, and nil for
// a client.
func (inv *Invocation) Server() *engine.ServerConfig {
	if inv.Form == option.Connect {
		return nil
	}
	return &engine.ServerConfig{Config: inv.common(), ClientAuth: inv.TLS.ClientAuth}
}

func (inv *Invocation) common() engine.Config {
	return engine.Config{Level: inv.TLS.Level, Profile: inv.TLS.Profile, Groups: inv.TLS.Groups, Signatures: inv.TLS.Signatures, ALPN: inv.TLS.ALPN, PeerTypes: inv.TLS.peerTypes(),
		// The engine refuses to run without one; the real one needs the connection
		// that it judges for.
		Verify: func(*engine.Peer) error { return status.Usagef("nothing judges the peer") }}
}

// Trust is by what a peer is judged.
type Trust struct {
	Option   string // what names the roots: trust or client-trust
	Roots    []string
	TrustToo bool // whatever a TLSA record says
	Names    []verify.Name
	AnyName  bool // where there are no Names
	Pins     []verify.Pin
	PinFiles []string
	TLSA     []verify.TLSA
	CRLs     []string
	Staple   verify.StapleMode
	// Quorum of the cosigners in the file Cosigners must have signed what a
	// Merkle Tree CA's log has; 0: none.
	Quorum    int
	Cosigners string
	Landmarks []string // files of Merkle Tree CAs' logs
	// The variables that say where the system's roots are, or empty.
	SystemFile, SystemDir string
	Advice                verify.Advice
	MaxPath               int // certificates on a path; 0: as by itself
}

// RootSystem stands among Roots for the system's.
const RootSystem = "system"

// Policy is the policy, without what is in files.
func (t *Trust) Policy(purpose verify.Purpose, level engine.Level) *verify.Policy {
	return &verify.Policy{Purpose: purpose, Names: t.Names, AnyName: t.AnyName, Pins: slices.Clone(t.Pins), TLSA: t.TLSA,
		TrustToo: t.TrustToo, Staple: t.Staple, Advice: t.Advice, MaxPath: t.MaxPath, PostQuantum: level >= engine.LevelPQAuth}
}
