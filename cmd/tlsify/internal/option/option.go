// Package option has the table of options, and splits a command line by it. It also
// answers options that tlsify does not have (foreign.go): for an option of another
// program it says what to use here, or why there is nothing; for a misspelt one it names
// the nearest.
//
// It must not know what an option does. Start reading at [Table], then [Split].
package option

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"tlsify/cmd/tlsify/internal/status"
)

// Form is a form of the command: what its first word says.
type Form string

// The forms.
const (
	Connect     Form = "connect"
	Accept      Form = "accept"
	Listen      Form = "listen"
	Engines     Form = "engines"
	Inspect     Form = "inspect"
	Fingerprint Form = "fingerprint"
	Version     Form = "version"
	Help        Form = "help"
)

// Connects tells whether one is a client's: inspect is carried out as a connect.
func (f Form) Connects() bool { return f == Connect }

// Accepts tells whether one is the server's side of one connection.
func (f Form) Accepts() bool { return f == Accept }

// Forms are all of them.
var Forms = []Form{Connect, Accept, Listen, Inspect, Engines, Fingerprint, Version, Help}

// Option is a row of the table of options.
type Option struct {
	Name    string
	Short   string // one letter, or empty
	Arg     string // what it takes, for people; empty: nothing
	Repeats bool
	Forms   string // the first letters of the forms that have it
	Topic   string // the help topic it stands under
	Help    string

	Own      bool     // a listener's own: its accepts do not get it as it is
	Reread   bool     // names a file that each accept of a listener reads again
	Binds    bool     // a session is bound to what it says
	Excludes []string // what it cannot stand beside: NAME, or NAME VALUE
}

// Table is the one table of them: parsing, help and the documentation's test
// all read it.
var Table = []Option{
	{Name: "name", Arg: "NAME", Repeats: true, Forms: "ci", Topic: "trust",
		Help: "accept a certificate for NAME (a DNS name, an IP address, srv:_SERVICE.NAME or uri:SCHEME:NAME) instead of HOST"},
	{Name: "sni", Arg: "NAME|none", Forms: "ci", Topic: "trust",
		Help: "the server name to send, instead of HOST or the first DNS --name"},
	{Name: "trust", Arg: "system|none|FILE|DIR", Repeats: true, Forms: "ci", Topic: "trust", Binds: true,
		Help: "what to trust: the system's roots (the default), PEM certificates, or nothing but pins"},
	{Name: "pin", Arg: "PIN|FILE", Repeats: true, Forms: "cial", Topic: "trust", Reread: true, Binds: true,
		Help: "the peer's leaf must match: sha256//BASE64 of its key, cert-sha256//BASE64 of all of it, or a PEM certificate or public key; any of several; in addition to all else"},
	{Name: "tlsa", Arg: "RECORD", Repeats: true, Forms: "ci", Topic: "trust", Binds: true,
		Help: "a TLSA record, 'U S M HEX', that the caller has validated (RFC 7671); one of several must match; usages 2 and 3 take the place of --trust where there is none, and with 3 names and dates are not checked"},
	{Name: "crl", Arg: "FILE", Repeats: true, Forms: "cial", Topic: "trust", Own: true, Binds: true,
		Help: "revocation lists, PEM or DER; the leaf's issuer must have one among them"},
	{Name: "staple", Arg: "off|check|require", Forms: "ci", Topic: "trust", Binds: true,
		Help: "stapled OCSP responses: check one that comes (the default), require one, or ignore them"},
	{Name: "mtc-cosigners", Arg: "'N FILE'", Forms: "cial", Topic: "trust", Reread: true, Binds: true,
		Help: "of a Merkle Tree CA that is trusted, N of the cosigners in FILE must have signed what its log has, beside itself; FILE has a line `ID KEY` for each"},
	{Name: "mtc-landmarks", Arg: "FILE", Repeats: true, Forms: "cial", Topic: "trust", Reread: true, Binds: true,
		Help: "landmarks of a trusted Merkle Tree CA's log, for certificates that are relative to one of them; `tlsify-mtc landmarks` makes FILE"},
	{Name: "min-security", Arg: "LEVEL", Forms: "cial", Topic: "trust", Binds: true,
		Help: "the least to accept: standard (the default), tls13, pq (post-quantum key exchange), pq-auth (and certificates); or a profile of the engine pq: cnsa2, bsi, fips202205, wpa202304"},
	{Name: "send-ca-names", Forms: "ci", Topic: "trust", Excludes: []string{"psk", "raw-public-key", "trust none"},
		Help: "tell the server whom --trust has, by name (certificate_authorities), so that one with several certificates can choose; whoever listens can read it, but for --ech; at most 12288 bytes of names; of the engine pq"},
	{Name: "psk", Arg: "FILE", Forms: "cal", Topic: "trust", Own: true,
		Excludes: []string{"trust", "name", "pin", "tlsa", "crl", "staple", "mtc-cosigners", "mtc-landmarks", "ask", "opportunistic",
			"cert", "key", "staple-file", "client-auth", "client-trust", "client-cert-in-clear", "session", "ticket-key", "ech", "fingerprint", "binding tls-server-end-point"},
		Help: "know the peer by a pre-shared key (RFC 8446), and by no certificate: FILE has a line IDENTITY:HEX, as psktool writes it, the key 16 to 64 bytes; behind it may stand sha384, or import [sha384] [CONTEXT] for RFC 9258; a server's may have more lines"},
	{Name: "ask", Forms: "c", Topic: "trust", Excludes: []string{"opportunistic", "pin", "tlsa", "trust none", "cert", "session"},
		Help: "put a failed verification to the caller on the control channel, who answers trust PIN or anything else for no"},
	{Name: "opportunistic", Forms: "c", Topic: "trust", Excludes: []string{"pin", "tlsa", "trust", "cert", "session"},
		Help: "go on unverified and say so on the control channel (RFC 7435); never in clear"},
	{Name: "cert", Arg: "FILE", Repeats: true, Forms: "cial", Topic: "identity", Own: true,
		Help: "our certificate chain, PEM, leaf first; its key may be in the same file; a server may have several, chosen by the client's server name, and a client, by what the server asks for"},
	{Name: "key", Arg: "FILE", Repeats: true, Forms: "cial", Topic: "identity", Own: true,
		Help: "the private key of the --cert before or behind it, PEM; without any --key each --cert has its own; a server's may be with a signer: signer:unix:PATH, signer:fd:N, or signer:COMMAND, which is started"},
	{Name: "raw-public-key", Forms: "cal", Topic: "identity",
		Excludes: []string{"psk", "client-trust", "crl", "staple", "staple-file", "mtc-cosigners", "mtc-landmarks", "session", "client-cert-in-clear", "fingerprint", "binding tls-server-end-point"},
		Help:     "show a key in place of a certificate, and take nothing else of the peer (RFC 7250): --key FILE is ours, and --pin or --tlsa the peer's"},
	{Name: "staple-file", Arg: "FILE", Repeats: true, Forms: "al", Topic: "identity", Own: true,
		Help: "the OCSP response, DER, to staple to the --cert at the same place; one for each, or none"},
	{Name: "client-cert-in-clear", Forms: "ci", Topic: "identity",
		Help: "send the client certificate under TLS 1.2 too, where everyone on the way can read it"},
	{Name: "client-auth", Arg: "none|request|require", Forms: "al", Topic: "identity",
		Help: "whether to ask clients for a certificate: with request a client may have none, but a bad one is refused"},
	{Name: "client-trust", Arg: "none|FILE|DIR", Repeats: true, Forms: "al", Topic: "identity", Reread: true,
		Help: "the roots of client certificates, PEM; or none, with --pin, for clients that are known by their keys"},
	{Name: "engine", Arg: "NAME", Forms: "cial", Topic: "session",
		Help: "the TLS engine; the first of `tlsify engines` by default"},
	{Name: "fingerprint", Arg: "NAME|FILE", Forms: "ci", Topic: "session",
		Help: "send the ClientHello of another program: NAME of `tlsify engines -v`, chrome, firefox, safari, ios or edge for the newest that there is of each (it and `-v` say which release, and from when), random or random:SEED; or the one captured in FILE (pcap, pcapng, a record or message, binary or hex)"},
	{Name: "groups", Arg: "LIST", Forms: "cial", Topic: "session", Binds: true,
		Help: "the key exchange groups to offer, comma-separated, best first"},
	{Name: "signatures", Arg: "LIST", Forms: "cial", Topic: "session", Binds: true,
		Help: "the signature algorithms to offer, to accept in handshakes and chains, and to sign with, comma-separated, best first; the only way to SLH-DSA and to composite ML-DSA, whose names `tlsify engines -v` lists; of the engine pq"},
	{Name: "alpn", Arg: "LIST", Forms: "cial", Topic: "session", Binds: true,
		Help: "the application protocols to offer (RFC 7301), comma-separated, best first"},
	{Name: "session", Arg: "FILE", Forms: "ci", Topic: "session",
		Help: "resume the session in FILE, and keep the next there: bound to name, port, trust and certificate; the server's tickets, up to four, are each used once, but those of TLS 1.2; give FILE a directory of its own: the sandbox leaves all of it open, and --sandbox require takes none in /, /tmp, /var/tmp or $HOME; or fd:N, a file that is open to read and write, and may be one in memory"},
	{Name: "ticket-key", Arg: "FILE", Forms: "al", Topic: "session", Own: true,
		Help: "let clients resume: up to 16 keys for session tickets, a line each, base64 of 32 bytes, the first seals; several servers with the same file resume each other's sessions; without this option no client can resume"},
	{Name: "ech", Arg: "FILE|grease", Forms: "ci", Topic: "session",
		Help: "encrypt the ClientHello with this ECHConfigList, binary, base64 or PEM; with grease, of the engine pq, look like a client that does, and encrypt nothing"},
	{Name: "ech-key", Arg: "FILE", Forms: "al", Topic: "session", Own: true,
		Help: "open Encrypted Client Hellos with the private keys in FILE, each with its ECHConfigList behind it, the newest first, as tlsify-ech makes them (RFC 9934)"},
	{Name: "binding", Arg: "KIND", Forms: "cal", Topic: "session",
		Help: "report a channel binding: tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929)"},
	{Name: "keylog", Arg: "FILE", Forms: "cial", Topic: "session",
		Help: "append the connection's secrets to FILE, for a capture's reader; voids its secrecy"},
	{Name: "net-fd", Arg: "N[,M]", Forms: "cia", Topic: "descriptors",
		Help: "the network is descriptor N (and M, to write to), already connected"},
	{Name: "control-fd", Arg: "OUT[,IN]", Forms: "cal", Topic: "descriptors", Own: true,
		Help: "the control channel: lines out, and lines in on IN or where OUT is a socket"},
	{Name: "options-fd", Arg: "N", Forms: "cial", Topic: "descriptors", Own: true,
		Help: "read more options from N, `name value` a line, until an empty line or end of file, within 10s"},
	{Name: "handoff", Arg: "KIND", Forms: "ca", Topic: "descriptors",
		Help: "hand a descriptor with the plaintext over on the control channel, a unix socket, with the line `handoff KIND`, in place of 0 and 1: socketpair; ktls, the network's socket itself, after which tlsify leaves; or auto, whichever can be had"},
	{Name: "prog-fds", Arg: "IN,OUT[,END]", Forms: "cal", Topic: "descriptors",
		Help: "the descriptors on which PROG has the plaintext: 6,7 with connect, 0,1 otherwise, and one socket where both numbers are the same; and where it reads a line that says how the peer's stream has ended"},
	{Name: "timeout", Arg: "TIME", Forms: "cail", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "how long all of it may take, from the look-up to the end of the stream; of listen: each connection; off by default"},
	{Name: "connect-timeout", Arg: "TIME", Forms: "ci", Topic: "stream",
		Help: "how long name look-up and connection may take; 30s by default"},
	{Name: "handshake-timeout", Arg: "TIME", Forms: "cial", Topic: "stream",
		Help: "how long the handshake may take; 30s by default"},
	{Name: "idle-timeout", Arg: "TIME", Forms: "cal", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "end the stream when nothing has moved for so long; off by default"},
	{Name: "linger", Arg: "TIME", Forms: "cal", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "how long the last bytes may take to reach the peer when nothing else is left; 10s by default"},
	{Name: "eof", Arg: "auto|half-close|hold", Forms: "cal", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "when the peer is told of your end of file: half-close, at once; hold, when it has ended; auto (the default), at once by a server, and by a client under TLS 1.3 where 0 and 1 are one socket, else as hold, but for --eof-wait"},
	{Name: "eof-wait", Arg: "TIME", Forms: "cal", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "how long nothing may come from the peer until --eof auto tells it after all; 10s by default"},
	{Name: "tolerate-truncation", Forms: "cal", Topic: "stream", Excludes: []string{"handoff ktls"},
		Help: "status 0 for a stream that ended without close_notify; it is reported all the same"},
	{Name: "pump", Arg: "KIND", Forms: "cal", Topic: "stream",
		Help: "what carries the bytes: ktls (the Linux kernel; before Linux 6.14 a connection that asks for it by name fails when the peer changes its key), record (on keys that are taken over from the engine), session (through the engine's library), or auto, the fastest that can be had (the default)"},
	{Name: "max-connections", Arg: "N", Forms: "l", Topic: "stream",
		Help: "how many connections may stand at a time, each a process, and as many besides that wait for their first message; 1000 by default"},
	{Name: "max-per-address", Arg: "N", Forms: "l", Topic: "stream",
		Help: "how many of all of them one IPv4 address, or one IPv6 /64 network, may have; half of --max-connections by default"},
	{Name: "max-handshakes", Arg: "N", Forms: "l", Topic: "stream",
		Help: "how many may be in their handshake; 100 by default. Others wait for their turn, for at most --handshake-timeout, the newest first; an unfinished handshake is ended for them after 3s, an established connection never. A refused client sees a TCP reset"},
	{Name: "proxy", Arg: "URL", Forms: "ci", Topic: "stream", Binds: true,
		Help: "dial through http:// or https:// (CONNECT) or socks5:// (socks5h:// to have the proxy resolve HOST), [USER[:PASSWORD]@]HOST:PORT; a password only by --options-fd"},
	{Name: "starttls", Arg: "PROTO", Forms: "ci", Topic: "stream",
		Help: "ask the server in the clear to go on with TLS, first, within --handshake-timeout: smtp, lmtp, imap, pop3, ftp, xmpp, xmpp-server, irc, ldap, nntp, sieve, postgres or mysql"},
	{Name: "starttls-name", Arg: "NAME", Forms: "ci", Topic: "stream",
		Help: "who we are to --starttls smtp and lmtp, instead of the socket's own address; the server's domain to xmpp and xmpp-server, instead of the first --name"},
	{Name: "tcp-fastopen", Forms: "ci", Topic: "stream",
		Help: "send the first bytes with the SYN (RFC 7413); addresses are then tried in order"},
	{Name: "ipv4", Short: "4", Forms: "ci", Topic: "stream",
		Help: "dial IPv4 addresses only"},
	{Name: "ipv6", Short: "6", Forms: "ci", Topic: "stream",
		Help: "dial IPv6 addresses only"},
	{Name: "sandbox", Arg: "auto|require|off", Forms: "cial", Topic: "sandbox",
		Help: "give up, once connected, what a carrier of bytes has no use for: files, sockets, other processes; auto (the default): as far as the kernel can, require: or fail"},
	{Name: "user", Arg: "USER[:GROUP]", Forms: "l", Topic: "sandbox",
		Help: "become this user, and this group or the user's own, once the sockets are open and the keys are with the signing process; needs root"},
	{Name: "json", Forms: "if", Topic: "fingerprint",
		Help: "print JSON, an object on a line"},
	{Name: "pem", Forms: "i", Topic: "inspect", Excludes: []string{"json"},
		Help: "print the certificates as they were sent, PEM"},
	{Name: "listen", Arg: "ADDR", Forms: "f", Topic: "fingerprint",
		Help: "take the ClientHello of the first client that connects to ADDR, as 127.0.0.1:0, instead of a capture"},
	{Name: "save", Arg: "FILE", Forms: "f", Topic: "fingerprint",
		Help: "keep what --listen heard, for --fingerprint, in a FILE that is not there yet"},
	{Name: "compare", Arg: "FILE", Forms: "f", Topic: "fingerprint",
		Help: "say how two ClientHellos differ, extension by extension: --compare A B; of each capture the first"},
	{Name: "verbose", Short: "v", Forms: "cialen", Topic: "stream",
		Help: "say more on descriptor 2: of a client's connection three lines, with who the peer is, by what and until when it is verified, and protocol, cipher and group"},
	{Name: "help", Short: "h", Forms: "calefvhi",
		Help: "this help"},
}

func (o Option) IsFor(f Form) bool { return strings.Contains(o.Forms, FormLetters[f]) }

// Spelling is an option as it is written: --name ARG.
func (o Option) Spelling() string {
	s := "--" + o.Name
	if o.Short != "" {
		s = "-" + o.Short + ", " + s
	}
	if o.Arg != "" {
		s += " " + o.Arg
	}
	return s
}

// FormLetters are the letters of option.Forms.
var FormLetters = map[Form]string{Connect: "c", Accept: "a", Listen: "l", Inspect: "i", Engines: "e", Fingerprint: "f", Version: "v", Help: "h"}

// HandedOn tells whether a listener's option is its accepts' too, as it is.
func (o Option) HandedOn() bool { return o.IsFor(Accept) && !o.Own }

// File is the file that a value names, where that is not all of it.
func (o Option) File(value string) string {
	if o.Arg == "'N FILE'" {
		_, value, _ = strings.Cut(value, " ")
		value = strings.TrimLeft(value, " ")
	}
	return value
}

// Named finds an option, or nil.
func Named(name string) *Option {
	for i := range Table {
		if Table[i].Name == name {
			return &Table[i]
		}
	}
	return nil
}

// Words is a command line or an options descriptor taken apart, before anything
// is known of its sense.
type Words struct {
	Form   Form
	Named  bool                // the form was
	Values map[string][]string // by option name, in order; a switch has "true"
	Rest   []string            // what is no option
	Prog   []string            // what stands behind --; nil where there is no --
	// Given are the values that stood in the arguments, and Lines what an options
	// descriptor said. Values has both.
	Given map[string][]string
	Lines []string
	// Private are the options that an options descriptor gave, which nobody
	// else can read.
	Private map[string]bool
}

// Value gives an option that does not repeat.
func (w *Words) Value(name string) (string, bool) {
	if v := w.Values[name]; len(v) > 0 {
		return v[0], true
	}
	return "", false
}

func (w *Words) Has(name string) bool { return len(w.Values[name]) > 0 }

// collector is the pflag.Value of one option.
type collector struct {
	option *Option
	into   map[string][]string
}

func (c *collector) String() string { return "" }
func (c *collector) Type() string   { return c.option.Arg }
func (c *collector) Set(value string) error {
	if c.option.Arg == "" && value != "true" {
		return fmt.Errorf("--%s takes no value", c.option.Name)
	}
	return add(c.into, c.option, value)
}

// add enforces that an option which cannot repeat comes once, from wherever.
func add(values map[string][]string, o *Option, value string) error {
	if !o.Repeats && len(values[o.Name]) > 0 {
		return fmt.Errorf("--%s is given twice", o.Name)
	}
	values[o.Name] = append(slices.Clip(values[o.Name]), value)
	return nil
}

// Split takes a command line apart. What it has understood comes back with
// an error as well.
func Split(args []string) (*Words, error) {
	w := &Words{Form: Connect, Values: map[string][]string{}, Private: map[string]bool{}}
	switch {
	case len(args) == 0:
	case args[0] == "--version" || args[0] == "-V":
		w.Form, args = Version, args[1:]
	case slices.Contains(Forms, Form(args[0])):
		w.Form, w.Named, args = Form(args[0]), true, args[1:]
	}
	if w.Form == Help && len(args) == 1 && Named(strings.TrimPrefix(args[0], "--")) != nil {
		args = []string{strings.TrimPrefix(args[0], "--")} // an option as it is typed
	}
	flags := pflag.NewFlagSet("tlsify", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for i := range Table {
		o := &Table[i]
		if !slices.ContainsFunc(args, o.mayBe) {
			continue // each takes memory
		}
		flag := flags.VarPF(&collector{o, w.Values}, o.Name, o.Short, o.Help)
		if o.Arg == "" {
			flag.NoOptDefVal = "true"
		}
	}
	w.Given = w.Values
	err := flags.Parse(args)
	w.Rest = flags.Args()
	if dash := flags.ArgsLenAtDash(); dash >= 0 {
		w.Rest, w.Prog = flags.Args()[:dash], flags.Args()[dash:]
	}
	if err != nil {
		if dash := slices.Index(args, "--"); dash >= 0 {
			w.Prog = args[dash+1:] // for the status of the failure
		}
		if unknown := new(pflag.NotExistError); errors.As(err, &unknown) {
			argument := typed(args, unknown)
			return w, status.Usagef("unknown option %s: %s", status.Cut(argument), instead(w.Form, argument))
		}
		if invalid := new(pflag.InvalidValueError); errors.As(err, &invalid) {
			err = invalid.Unwrap() // which names the option, and repeats no value
		}
		if without := new(pflag.ValueRequiredError); errors.As(err, &without) {
			err = fmt.Errorf("--%s needs a value", without.GetFlag().Name)
		}
		if syntax := new(pflag.InvalidSyntaxError); errors.As(err, &syntax) {
			err = fmt.Errorf("unknown option %s: see tlsify help", status.Cut(syntax.GetSpecifiedFlag()))
		}
		return w, status.Usagef("%s", err.Error())
	}
	return w, w.checkForm()
}

// mayBe tells whether an argument may give the option, alone or among other letters.
func (o *Option) mayBe(arg string) bool {
	if long, ok := strings.CutPrefix(arg, "--"); ok {
		name, _, _ := strings.Cut(long, "=")
		return name == o.Name
	}
	return o.Short != "" && strings.HasPrefix(arg, "-") && strings.Contains(arg, o.Short)
}

// typed is the argument that had an option which does not exist.
func typed(args []string, unknown *pflag.NotExistError) string {
	letters := unknown.GetSpecifiedShortnames()
	if letters == "" {
		return "--" + unknown.GetSpecifiedName()
	}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, letters) {
			return arg
		}
	}
	return "-" + letters
}

// NearForm is the form of the command that a word may be, mistyped, or "".
func NearForm(word string) string {
	var names []string
	for _, f := range Forms {
		names = append(names, string(f))
	}
	return Nearest(word, names)
}

// NoForm says, of a first word, that it is no form of the command.
func NoForm(word string) string {
	if first, _ := utf8.DecodeRuneInString(word); unicode.Is(unicode.Pd, first) && first != '-' { // as of a word processor
		return fmt.Sprintf("%q begins with a dash for print: an option begins with two of those that one types, --", status.Cut(word))
	}
	text := fmt.Sprintf("%q is neither a form of the command nor HOST:PORT", status.Cut(word))
	if near := NearForm(word); near != "" {
		return text + ": did you mean " + near + "?"
	}
	return text + "; see tlsify help"
}

// instead says what there is in the place of an option that does not exist.
func instead(form Form, argument string) string {
	var names []string
	for _, o := range Table {
		names = append(names, o.Name)
	}
	return cmp.Or(Answer(form, argument, names), "see tlsify help")
}

// AddLines adds what an options descriptor said.
func (w *Words) AddLines(lines []string) error {
	w.Given, w.Values = w.Values, maps.Clone(w.Values)
	w.Lines = lines
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " ")
		at := slices.IndexFunc(Table, func(o Option) bool { return o.Name == name })
		switch {
		case name == "":
			return status.Usagef("--options-fd: a line is `NAME VALUE`, and begins with no blank")
		case at < 0 && strings.ContainsFunc(name, notOfName):
			// What is behind may be a secret.
			return status.Usagef("--options-fd: a line is `NAME VALUE`, and not what begins with %q", status.Cut(name[:strings.IndexFunc(name, notOfName)+1]))
		case at < 0 || name == "options-fd" || name == "help":
			if plain := strings.TrimLeft(name, "-"); plain != name && Named(plain) != nil {
				return status.Usagef("--options-fd: unknown option %q: here it stands without dashes: %s", status.Cut(name), plain)
			}
			return status.Usagef("--options-fd: unknown option %q: %s", status.Cut(name), instead(w.Form, "--"+name))
		case Table[at].Arg == "" && value != "":
			return status.Usagef("--options-fd: %s takes no value", name)
		case Table[at].Arg == "":
			value = "true"
		case value == "":
			return status.Usagef("--options-fd: %s needs a value", name)
		}
		if err := add(w.Values, &Table[at], value); err != nil {
			return status.Usagef("%s", err.Error())
		}
		w.Private[name] = true
	}
	return w.checkForm()
}

// notOfName tells what is in no option's name.
func notOfName(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-') }

// opposite is what the other side calls an option.
var opposite = map[string]string{"trust": "client-trust", "client-trust": "trust"}

// checkForm refuses options that the form does not have.
func (w *Words) checkForm() error {
	for _, o := range Table {
		if w.Has(o.Name) && !o.IsFor(w.Form) {
			text := fmt.Sprintf("--%s is not for %s", o.Name, w.Form)
			if other := opposite[o.Name]; other != "" && Named(other).IsFor(w.Form) {
				text += ": here it is --" + other
			}
			return status.Usagef("%s", text)
		}
	}
	return nil
}
