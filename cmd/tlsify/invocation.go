package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/control"
	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/signing"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/pump"
	"tlsify/verify"
)

// engines are the engines of this build. Each is added by a file that a build
// tag chooses, engine_NAME.go; built has them in order.
var engines []engine.Engine

// built lists the engines of this build, the default first.
func built() []engine.Engine { return inOrder(engines) }

// inOrder puts engines into the contract's order. One that the contract does not
// name stands behind those that it names, and so is never the default beside them.
func inOrder(all []engine.Engine) []engine.Engine {
	order := []string{"std", "utls", "pq"}
	rank := func(e engine.Engine) int {
		if at := slices.Index(order, e.Name()); at >= 0 {
			return at
		}
		return len(order)
	}
	return slices.SortedStableFunc(slices.Values(all), func(a, b engine.Engine) int { return rank(a) - rank(b) })
}

// invocation is a valid command: what it says can be done as far as that can
// be known before there is any network traffic. Nothing behind it looks at
// arguments, options or the environment again.
type invocation struct {
	form    option.Form
	topic   string // of help
	json    bool   // fingerprint
	capture []byte // fingerprint: the ClientHello; nil: listen for one
	verbose bool
	heard   bool // accept: by its listener, which tells people

	engine engine.Engine
	host   verify.Name  // connect: HOST; zero where there is none
	target dial.Target  // connect, where there is no network descriptor
	listen listenTarget // listen
	// merkleCAs are those that a client trusts.
	merkleCAs []trustanchor.ID
	network   *network // given by --net-fd, or by inetd's habit; nil: dial
	control   *control.Channel
	sandbox   privilege.Mode
	prog      []string // PROG and its arguments, or nil
	progIn    int      // where PROG has the plaintext
	progOut   int
	fds       *descriptor.Claims

	acceptArgs []string       // listen: the arguments of each accept
	acceptEnv  []string       // and its environment
	handed     map[int][]byte // listen: what each accept is to find on which descriptor
	admission  admissionLimits
	user       *privilege.Account // listen: whom to become
	reread     []namedFile        // listen: what each accept reads again
	signerFD   int                // listen: where each accept finds its connection to that

	keys *signing.Keys // accept and listen

	client  *engine.ClientConfig // connect; its Verify comes with the connection
	server  *engine.ServerConfig // accept and listen; likewise
	policy  *verify.Policy       // nil: the peer is not asked for a certificate
	ask     bool
	proceed bool // --opportunistic
	binding string
	session *keptSession // nil without --session

	starttls     string // the protocol, or empty
	starttlsName string // what the server is to take itself for

	tell    *caller.Teller  // of the program in whose place we are; nil: nobody
	delayed *caller.Delayed // PROG runs before there is TLS

	proxyTrust []*verify.Store // for the certificate of an https proxy

	connectLimit   time.Duration
	handshakeLimit time.Duration
	idle           time.Duration
	linger         time.Duration
	eof            string // one of the words for --eof
	eofWait        time.Duration
	tolerate       bool
	pump           pump.Kind
	handoff        string // a kind, or empty
}

// parser makes an invocation of words.
type parser struct {
	words *option.Words
	env   map[string]string
	fds   *descriptor.Claims
	files *source.Files
	inv   *invocation
}

// parse reads a command line. The invocation comes back with an error as well,
// for the control channel and the verbosity, if it came to them.
func parse(args []string, env map[string]string) (*invocation, error) {
	words, err := option.Split(args)
	fds := &descriptor.Claims{Used: map[int]string{}}
	p := &parser{words: words, env: env, fds: fds,
		files: source.New(fds),
		inv:   &invocation{form: words.Form, fds: fds, prog: words.Prog},
	}
	if muteErr := p.mute(); muteErr != nil {
		return p.inv, muteErr
	}
	if controlErr := p.control(args); err == nil {
		err = controlErr
	}
	if err != nil {
		return p.inv, err
	}
	p.inv.verbose = words.Has("verbose")
	if words.Has("help") {
		p.inv.form = option.Help
		if words.Named {
			p.inv.topic = string(words.Form)
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
			p.inv.topic = words.Rest[0]
		}
		return p.inv, p.nothingElse(1)
	}
	return p.inv, p.session()
}

// nothingElse refuses arguments beyond most.
func (p *parser) nothingElse(most int) error {
	if len(p.words.Rest) > most || p.words.Prog != nil {
		return status.Usagef("%s: unexpected arguments", p.words.Form)
	}
	return nil
}

// control opens the control channel first of all, so that everything after it
// can be reported there. Where the command line broke off before it was seen,
// it is looked for behind the fault.
func (p *parser) control(args []string) error {
	value, ok := p.words.Value("control-fd")
	for i := 0; !ok && i < len(args) && args[i] != "--"; i++ {
		if args[i] == "--control-fd" && i+1 < len(args) {
			value, ok = args[i+1], true
		} else if after, found := strings.CutPrefix(args[i], "--control-fd="); found {
			value, ok = after, true
		}
	}
	if !ok {
		return nil
	}
	if out, _, err := descriptor.ParsePair("control-fd", value); err == nil && (out == 0 || out == 1 && p.words.Form != option.Listen) {
		return status.Usagef("--control-fd: descriptor %d is the plaintext's", out)
	}
	out, in, err := p.fds.ClaimPair("control-fd", value, descriptor.ToWrite)
	if err != nil {
		return err
	}
	if in == nil && out.IsSocket() {
		in = out
	}
	p.inv.control = control.New(out, in)
	return nil
}

// session reads everything that connect, accept and listen have.
func (p *parser) session() error {
	if p.words.Form == option.Listen {
		p.inv.acceptArgs, p.inv.acceptEnv = p.acceptArgs(), acceptEnvironment()
	}
	var lines []string
	if value, ok := p.words.Value("options-fd"); ok {
		var err error
		if lines, err = p.files.Lines(value); err != nil {
			return err
		}
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "control-fd ") }) {
			return status.Usagef("--options-fd: control-fd must be in the arguments")
		}
		if err := p.words.AddLines(lines); err != nil {
			return err
		}
	}
	p.inv.verbose = p.words.Has("verbose")
	for _, step := range []func() error{
		p.confinement, p.user, p.chooseEngine, p.program, p.netFD, p.place, p.limits, p.admissionLimits, p.plaintext, p.configure, p.starttls, p.checkTrust,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if p.words.Form == option.Listen {
		return p.handOn(lines)
	}
	if p.words.Prog == nil {
		p.fds.CloseUnnamed()
	}
	return nil
}

// mute keeps everything that is said from now on, of which there may be a lot
// if the command line is faulty, from going out in clear.
func (p *parser) mute() error {
	if p.words.Form != option.Connect && p.words.Form != option.Accept {
		return nil
	}
	value, ok := p.words.Value("net-fd")
	switch {
	case !ok && p.words.Form == option.Connect:
		return nil
	case !ok:
		value = "0"
	}
	a, b, err := descriptor.ParsePair("net-fd", value)
	if err != nil {
		return nil // which will be said in its turn
	}
	return descriptor.Mute([]int{a, b})
}

// chooseEngine takes --engine, else TLSIFY_ENGINE, else the first.
func (p *parser) chooseEngine() error {
	name, ok := p.words.Value("engine")
	if !ok {
		name = p.env["TLSIFY_ENGINE"]
	}
	if name == "" {
		p.inv.engine = built()[0]
		return nil
	}
	for _, e := range built() {
		if e.Name() == name {
			p.inv.engine = e
			return nil
		}
	}
	return &status.Failure{Status: status.Usage, Code: "engine-unsupported",
		Text: "this build has no engine " + strconv.Quote(status.Cut(name)) + "; see tlsify engines"}
}

// program reads what stands behind --.
func (p *parser) program() error {
	w := p.words
	if w.Prog != nil && len(w.Prog) == 0 {
		return status.Usagef("no program behind --")
	}
	p.inv.prog = w.Prog
	p.inv.progIn, p.inv.progOut = 0, 1
	if w.Form == option.Connect {
		p.inv.progIn, p.inv.progOut = 6, 7
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
	p.inv.progIn, p.inv.progOut = in, out
	return nil
}

// limits reads the time limits and how the stream is to end.
func (p *parser) limits() error {
	for _, l := range []struct {
		name     string
		into     *time.Duration
		byItself time.Duration
	}{
		{"connect-timeout", &p.inv.connectLimit, 30 * time.Second},
		{"handshake-timeout", &p.inv.handshakeLimit, 30 * time.Second},
		{"idle-timeout", &p.inv.idle, 0},
		{"linger", &p.inv.linger, 10 * time.Second},
		{"eof-wait", &p.inv.eofWait, 10 * time.Second},
	} {
		*l.into = l.byItself
		if value, ok := p.words.Value(l.name); ok {
			d, err := parseTime(value)
			if err != nil {
				return status.Usagef("--%s: %q is not a time such as 30s, 500ms or 2m", l.name, status.Cut(value))
			}
			*l.into = d
		}
	}
	p.inv.eof = eofAuto
	if value, ok := p.words.Value("eof"); ok {
		p.inv.eof = value
	}
	if !slices.Contains([]string{eofAuto, eofHalfClose, eofHold}, p.inv.eof) {
		return status.Usagef("--eof: %q is none of auto, half-close, hold", status.Cut(p.inv.eof))
	}
	if p.words.Has("eof-wait") && p.inv.eof != eofAuto {
		return status.Usagef("--eof-wait is for --eof auto")
	}
	p.inv.tolerate = p.words.Has("tolerate-truncation")
	p.inv.pump = pump.Auto
	if value, ok := p.words.Value("pump"); ok {
		p.inv.pump = pump.Kind(value)
		if !slices.Contains(pump.Kinds[:], p.inv.pump) {
			return status.Usagef("--pump: %q is none of auto, ktls, record, session", status.Cut(value))
		}
	}
	return nil
}

// The words for --eof.
const (
	eofAuto      = "auto"
	eofHalfClose = "half-close"
	eofHold      = "hold"
)

// parseTime reads a duration with its unit, or whole seconds, of at least a
// millisecond and at most a year.
func parseTime(value string) (time.Duration, error) {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		value = strconv.FormatUint(seconds, 10) + "s"
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Millisecond || d > 365*24*time.Hour {
		return 0, status.Usagef("not a time")
	}
	return d, nil
}
