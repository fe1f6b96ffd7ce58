package invocation

import (
	"slices"
	"strconv"
	"strings"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

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
		p.answering, p.tls, p.starttls, p.exclusions, p.nothingEmpty, p.engineCan,
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

// nothingEmpty refuses an option without a value, as that of a script's variable which
// is not set: it is not as if it were not given.
func (p *parser) nothingEmpty() error {
	for _, o := range option.Table {
		if slices.Contains(p.words.Values[o.Name], "") {
			return status.Usagef("--%s needs a value", o.Name)
		}
	}
	return nil
}

// capture reads what `tlsify fingerprint` is to look at.
func (p *parser) capture() (err error) {
	value, listens := p.words.Value("listen")
	other, compares := p.words.Value("compare")
	p.inv.JSON = p.words.Has("json")
	p.inv.Save, _ = p.words.Value("save")
	if _, ok := process.Named(p.inv.Save); ok {
		return status.Usagef("--save takes a path, and no %s: its file is made anew", status.Cut(p.inv.Save))
	}
	if err := process.CheckName("save", p.inv.Save); err != nil {
		return err
	}
	switch {
	case len(p.words.Rest) > 1 || listens && len(p.words.Rest) > 0 || p.words.Prog != nil:
		return status.Usagef("fingerprint: a capture, or --listen ADDR, and nothing else")
	case p.words.Has("save") && (!listens || p.inv.Save == ""):
		return status.Usagef("fingerprint: --save FILE is for what --listen hears")
	case compares && (listens || len(p.words.Rest) == 0):
		return status.Usagef("fingerprint: --compare A B wants two captures")
	case compares:
		if err := p.file("compare", other, &p.inv.Compare); err != nil {
			return err
		}
	case listens:
		if p.inv.Listen.Target, err = p.listenAddress(value); err == nil && p.inv.Listen.Target.Given != nil {
			err = status.Usagef("fingerprint: --listen is for an address, and not for a descriptor")
		}
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
	from := ""
	if !ok {
		name, from = p.Env["TLSIFY_ENGINE"], "the variable TLSIFY_ENGINE: "
	}
	at := 0
	if name != "" {
		at = slices.IndexFunc(p.Engines, func(e engine.Engine) bool { return e.Name() == name })
	}
	if at < 0 {
		return &status.Failure{Status: status.Usage, Code: "engine-unsupported",
			Text: from + "this build has no engine " + strconv.Quote(status.Cut(name)) + "; see tlsify engines"}
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
	var fds []int
	for word := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 || n > 255 || n == 2 || len(fds) == 2 && slices.Contains(fds, n) {
			fds = nil
			break
		}
		fds = append(fds, n)
	}
	switch {
	case len(fds) != 2 && len(fds) != 3:
		return status.Usagef("--prog-fds: two or three descriptors of at most 255, none of them 2, and the third another than the first two")
	case len(fds) == 3 && fds[2] == 0:
		return status.Usagef("--prog-fds: descriptor 0 is no place for how the stream has ended")
	case len(fds) == 3:
		program.End = fds[2]
	}
	program.In, program.Out = fds[0], fds[1]
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
	case p.Unverified:
		a.Opportunistic = true
		return nil
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
