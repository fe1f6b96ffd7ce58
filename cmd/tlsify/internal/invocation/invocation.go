// Package invocation makes of a command line's words what is to be done:
// values alone, each of them judged. Nothing is opened, started or waited for
// here, but for a look at the system's own lists of users, ports and, for a
// --fingerprint, files; package acquire has the rest.
//
// It must not know how anything is done. Start reading at [Invocation], then
// [Parse].
package invocation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/report"
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

	Say     report.Reporter
	Claims  *descriptor.Claims
	Sandbox privilege.Mode
	Engine  engine.Engine

	Host    verify.Name // connect: HOST; zero where there is none
	Target  dial.Target // connect, where there is no Network
	Network []int       // the network's descriptor, or two; nil: dial
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
	Claims  *descriptor.Claims
	Say     report.Reporter
}

// parser makes an invocation of words.
type parser struct {
	Context
	words *option.Words
	inv   *Invocation
}

// Unparsed is an invocation whose words are not worth judging: it says whom to
// tell of that.
func Unparsed(words *option.Words, c Context) *Invocation {
	inv := &Invocation{Form: words.Form, Say: c.Say, Claims: c.Claims}
	inv.Program.Args = words.Prog
	inv.Say.Verbose = words.Has("verbose")
	return inv
}

// Parse makes an invocation of words. It comes back with an error as well, as
// far as it has come.
func Parse(words *option.Words, c Context) (*Invocation, error) {
	p := &parser{Context: c, words: words, inv: Unparsed(words, c)}
	if words.Has("help") {
		p.inv.Form = option.Help
		if words.Named {
			p.inv.Topic = string(words.Form)
		}
		return p.inv, nil
	}
	switch words.Form {
	case option.Engines, option.Version:
		return p.inv, p.nothingElse(0)
	case option.Fingerprint:
		return p.inv, p.capture()
	case option.Help:
		if len(words.Rest) == 1 {
			p.inv.Topic = words.Rest[0]
		}
		return p.inv, p.nothingElse(1)
	case option.Inspect:
		if words.Prog != nil {
			return p.inv, status.Usagef("inspect starts no program")
		}
		p.inspect()
	}
	for _, step := range []func() error{
		p.sandbox, p.user, p.engine, p.program, p.network, p.place, p.limits, p.admission, p.stream, p.plaintext,
		p.answering, p.tls, p.starttls, p.exclusions, p.engineCan,
	} {
		if err := step(); err != nil {
			return p.inv, err
		}
	}
	return p.inv, nil
}

// inspect makes a connection of it of which only the handshake is looked at.
func (p *parser) inspect() {
	p.inv.Inspect = PrintText
	switch {
	case p.words.Has("json"):
		p.inv.Inspect = PrintJSON
	case p.words.Has("pem"):
		p.inv.Inspect = PrintPEM
	}
	p.words.Form, p.inv.Form = option.Connect, option.Connect
}

// nothingElse refuses arguments beyond most.
func (p *parser) nothingElse(most int) error {
	if len(p.words.Rest) > most || p.words.Prog != nil {
		return status.Usagef("%s: unexpected arguments", p.words.Form)
	}
	return nil
}

// capture reads what `tlsify fingerprint` is to look at.
func (p *parser) capture() (err error) {
	value, listens := p.words.Value("listen")
	p.inv.JSON = p.words.Has("json")
	switch {
	case len(p.words.Rest) > 1 || listens && len(p.words.Rest) > 0 || p.words.Prog != nil:
		return status.Usagef("fingerprint: a capture, or --listen ADDR, and nothing else")
	case listens:
		p.inv.Listen.Target, err = p.listenAddress(value)
		return err
	case len(p.words.Rest) == 0:
		return nil
	}
	return p.file("fingerprint", p.words.Rest[0], &p.inv.Capture)
}

// sandbox reads --sandbox.
func (p *parser) sandbox() error {
	value, _ := p.words.Value("sandbox")
	switch value {
	case "", "auto":
	case "require":
		p.inv.Sandbox = privilege.Require
		return privilege.Possible()
	case "off":
		p.inv.Sandbox = privilege.Off
	default:
		return status.Usagef("--sandbox: want auto, require or off, not %q", status.Cut(value))
	}
	return nil
}

// engine takes --engine, else TLSIFY_ENGINE, else the first.
func (p *parser) engine() error {
	name, ok := p.words.Value("engine")
	if !ok {
		name = p.Env["TLSIFY_ENGINE"]
	}
	at := 0
	if name != "" {
		at = slices.IndexFunc(p.Engines, func(e engine.Engine) bool { return e.Name() == name })
	}
	if at < 0 {
		return &status.Failure{Status: status.Usage, Code: "engine-unsupported",
			Text: "this build has no engine " + strconv.Quote(status.Cut(name)) + "; see tlsify engines"}
	}
	p.inv.Engine = p.Engines[at]
	return nil
}

// program reads what stands behind --.
func (p *parser) program() error {
	w, program := p.words, &p.inv.Program
	if w.Prog != nil && len(w.Prog) == 0 {
		return status.Usagef("no program behind --")
	}
	program.In, program.Out = 0, 1
	if w.Form == option.Connect {
		program.In, program.Out = 6, 7
	}
	value, ok := w.Value("prog-fds")
	if !ok {
		return nil
	}
	if w.Prog == nil {
		return status.Usagef("--prog-fds is for a program behind --")
	}
	in, out, err := descriptor.ParsePair("prog-fds", value)
	if err != nil {
		return err
	}
	if out < 0 || in == out || in > 255 || out > 255 || in == 2 || out == 2 {
		return status.Usagef("--prog-fds: two different descriptors of at most 255, neither of them 2")
	}
	program.In, program.Out = in, out
	return nil
}

// exclusions refuses options that cannot stand beside each other, by the table.
func (p *parser) exclusions() error {
	for _, o := range option.Table {
		for _, other := range o.Excludes {
			name, value, isValue := strings.Cut(other, " ")
			said, has := p.words.Value(name)
			switch {
			case !has || !p.words.Has(o.Name):
			case !isValue:
				return status.Usagef("--%s excludes --%s", o.Name, other)
			case said == value && name == "handoff":
				return status.Usagef("--%s is for a stream that tlsify carries, not for --%s", o.Name, other)
			case said == value:
				return status.Usagef("--%s excludes --%s", o.Name, other)
			}
		}
	}
	return nil
}

// answering reads what has the caller asked, or told, of a peer that is not to
// be trusted. It takes a control channel that is sure to be heard.
func (p *parser) answering() error {
	w, a := p.words, &p.inv.Answering
	a.Ask, a.Opportunistic = w.Has("ask"), w.Has("opportunistic")
	name := "ask"
	if a.Opportunistic {
		name = "opportunistic"
	}
	switch {
	case !a.Ask && !a.Opportunistic:
		return nil
	case a.Ask && a.Opportunistic:
		return status.Usagef("--ask and --opportunistic exclude each other")
	}
	if err := p.exclusions(); err != nil {
		return err
	}
	switch {
	case p.Say.Control == nil:
		return status.Usagef("--%s needs --control-fd", name)
	case a.Ask && !p.Say.Control.CanHear():
		return status.Usagef("--ask needs a control channel that can carry the answer: a socket, or --control-fd OUT,IN")
	case a.Opportunistic && !p.Say.Control.IsStream():
		return status.Usagef("--opportunistic needs a control channel that is a socket or a pipe")
	}
	return nil
}

// file takes the name of a file, which may be fd:N, for the option what.
func (p *parser) file(what, name string, into *string) error {
	if n, ok := descriptor.Named(name); ok {
		if n <= 2 {
			return status.Usagef("--%s: descriptor %d is not free for that", what, n)
		}
		if err := p.Claims.ClaimFile(n, what); err != nil {
			return err
		}
	}
	*into = name
	return nil
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
