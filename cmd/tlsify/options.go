package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// form is a form of the command: what its first word says.
type form string

const (
	formConnect     form = "connect"
	formAccept      form = "accept"
	formListen      form = "listen"
	formEngines     form = "engines"
	formFingerprint form = "fingerprint"
	formVersion     form = "version"
	formHelp        form = "help"
)

var forms = []form{formConnect, formAccept, formListen, formEngines, formFingerprint, formVersion, formHelp}

// option is a row of the table of options.
type option struct {
	Name    string
	Short   string // one letter, or empty
	Arg     string // what it takes, for people; empty: nothing
	Repeats bool
	Forms   string // the first letters of the forms that have it
	Topic   string // the help topic it stands under
	Help    string
}

// options is the one table of them: parsing, help and the documentation's test
// all read it.
var options = []option{
	{"name", "", "NAME", true, "c", "trust", "accept a certificate for NAME (a DNS name or an IP address) instead of HOST"},
	{"sni", "", "NAME|none", false, "c", "trust", "the server name to send, instead of HOST or the first DNS --name"},
	{"trust", "", "system|none|FILE|DIR", true, "c", "trust", "what to trust: the system's roots (the default), PEM certificates, or nothing but pins"},
	{"pin", "", "PIN|FILE", true, "cal", "trust", "the peer's leaf must match: sha256//BASE64 of its key, cert-sha256//BASE64 of all of it, or a PEM certificate or public key; any of several; in addition to all else"},
	{"tlsa", "", "RECORD", true, "c", "trust", "a TLSA record, 'U S M HEX', that the caller has validated (RFC 7671); one of several must match; usages 2 and 3 take the place of --trust where there is none"},
	{"crl", "", "FILE", true, "cal", "trust", "revocation lists, PEM or DER; the leaf's issuer must have one among them"},
	{"staple", "", "off|check|require", false, "c", "trust", "stapled OCSP responses: check one that comes (the default), require one, or ignore them"},
	{"min-security", "", "LEVEL", false, "cal", "trust", "the least to accept: standard (the default), tls13, pq (post-quantum key exchange), pq-auth (and certificates)"},
	{"ask", "", "", false, "c", "trust", "put a failed verification to the caller on the control channel, who answers trust PIN or anything else for no"},
	{"opportunistic", "", "", false, "c", "trust", "go on unverified and say so on the control channel (RFC 7435); never in clear"},
	{"cert", "", "FILE", true, "cal", "identity", "our certificate chain, PEM, leaf first; a server may have several, chosen by the client's server name"},
	{"key", "", "FILE", true, "cal", "identity", "the private key of the --cert before or behind it, PEM; a server's may be with a signer: signer:unix:PATH, signer:fd:N, or signer:COMMAND, which is started"},
	{"staple-file", "", "FILE", true, "al", "identity", "the OCSP response, DER, to staple to the --cert at the same place; one for each, or none"},
	{"client-cert-in-clear", "", "", false, "c", "identity", "send the client certificate under TLS 1.2 too, where everyone on the way can read it"},
	{"client-auth", "", "none|request|require", false, "al", "identity", "whether to ask clients for a certificate: request takes none for an answer, but no bad one"},
	{"client-trust", "", "FILE|DIR", true, "al", "identity", "the roots of client certificates"},
	{"engine", "", "NAME", false, "cal", "session", "the TLS engine; the first of `tlsify engines` by default"},
	{"fingerprint", "", "NAME|FILE", false, "c", "session", "send the ClientHello of another program: NAME of `tlsify engines -v`, chrome, firefox, safari, ios or edge for the newest of each, random or random:SEED; or the one captured in FILE (pcap, pcapng, a record or message, binary or hex)"},
	{"groups", "", "LIST", false, "cal", "session", "the key exchange groups to offer, comma-separated, best first"},
	{"alpn", "", "LIST", false, "cal", "session", "the application protocols to offer (RFC 7301), comma-separated, best first"},
	{"session", "", "FILE", false, "c", "session", "resume the session in FILE, and keep the next there: bound to name, port, trust and certificate, and used once"},
	{"ticket-key", "", "FILE", false, "al", "session", "let clients resume: keys for session tickets, a line each, base64 of 32 bytes, the first seals; the same file makes several servers one"},
	{"ech", "", "FILE", false, "c", "session", "encrypt the ClientHello with this ECHConfigList, binary or base64"},
	{"binding", "", "KIND", false, "cal", "session", "report a channel binding: tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929)"},
	{"keylog", "", "FILE", false, "cal", "session", "append the connection's secrets to FILE, for a capture's reader; voids its secrecy"},
	{"net-fd", "", "N[,M]", false, "ca", "descriptors", "the network is descriptor N (and M, to write to), already connected"},
	{"control-fd", "", "OUT[,IN]", false, "cal", "descriptors", "the control channel: lines out, and lines in on IN or where OUT is a socket"},
	{"options-fd", "", "N", false, "cal", "descriptors", "read more options from N, `name value` a line, until an empty line or end of file, within 10s"},
	{"handoff", "", "KIND", false, "ca", "descriptors", "hand a descriptor with the plaintext over on the control channel, a unix socket, with the line `handoff KIND`, in place of 0 and 1: socketpair; ktls, the network's socket itself, after which tlsify leaves; or auto, whichever can be had"},
	{"prog-fds", "", "IN,OUT", false, "cal", "descriptors", "the descriptors on which PROG has the plaintext: 6,7 with connect, 0,1 otherwise"},
	{"connect-timeout", "", "TIME", false, "c", "stream", "how long name look-up and connection may take; 30s by default"},
	{"handshake-timeout", "", "TIME", false, "cal", "stream", "how long the handshake may take; 30s by default"},
	{"idle-timeout", "", "TIME", false, "cal", "stream", "end the stream when nothing has moved for so long; off by default"},
	{"linger", "", "TIME", false, "cal", "stream", "how long the last bytes may take to reach the peer when nothing else is left; 10s by default"},
	{"eof", "", "half-close|hold", false, "cal", "stream", "hold: send no close_notify at end of file until the peer has ended"},
	{"tolerate-truncation", "", "", false, "cal", "stream", "status 0 for a stream that ended without close_notify; it is reported all the same"},
	{"pump", "", "KIND", false, "cal", "stream", "what carries the bytes: ktls (the Linux kernel; asked for by name, it ends where the peer changes its key, before Linux 6.14), record (on keys that are taken over from the engine), session (through the engine's library), or auto, the fastest that can be had (the default)"},
	{"max-connections", "", "N", false, "l", "stream", "how many connections may stand at a time, each a process, and as many besides that wait for their first message; 1000 by default"},
	{"max-per-address", "", "N", false, "l", "stream", "how many of all of them one IPv4 address, or one IPv6 /64 network, may have; half of --max-connections by default"},
	{"max-handshakes", "", "N", false, "l", "stream", "how many may be in their handshake; 100 by default. Others wait for their turn, for at most --handshake-timeout, and the newest has the next; an unfinished handshake is ended for them after 3s, an established connection never. Who is refused sees a TCP reset"},
	{"proxy", "", "URL", false, "c", "stream", "dial through http:// or https:// (CONNECT) or socks5:// (socks5h:// to have the proxy resolve HOST), [USER[:PASSWORD]@]HOST:PORT; a password only by --options-fd"},
	{"starttls", "", "PROTO", false, "c", "stream", "ask the server in the clear to go on with TLS, first, within --handshake-timeout: smtp, lmtp, imap, pop3, ftp, xmpp, xmpp-server, irc, ldap, nntp, sieve, postgres or mysql"},
	{"tcp-fastopen", "", "", false, "c", "stream", "send the first bytes with the SYN (RFC 7413); addresses are then tried in order"},
	{"ipv4", "4", "", false, "c", "stream", "dial IPv4 addresses only"},
	{"ipv6", "6", "", false, "c", "stream", "dial IPv6 addresses only"},
	{"sandbox", "", "auto|require|off", false, "cal", "sandbox", "give up, once connected, what a carrier of bytes has no use for: files, sockets, other processes; auto (the default): as far as the kernel can, require: or fail"},
	{"user", "", "USER[:GROUP]", false, "l", "sandbox", "become this user, and this group or the user's own, once the sockets are open and the keys are with the signing process; needs root"},
	{"json", "", "", false, "f", "fingerprint", "print one JSON object"},
	{"listen", "", "ADDR", false, "f", "fingerprint", "take the ClientHello of the first client that connects to ADDR, as 127.0.0.1:0, instead of a capture"},
	{"verbose", "v", "", false, "calen", "stream", "say more on descriptor 2"},
	{"help", "h", "", false, "calefvh", "", "this help"},
}

func (o option) isFor(f form) bool { return strings.Contains(o.Forms, formLetters[f]) }

// formLetters are the letters of option.Forms.
var formLetters = map[form]string{formConnect: "c", formAccept: "a", formListen: "l", formEngines: "e", formFingerprint: "f", formVersion: "v", formHelp: "h"}

// words is a command line or an options descriptor taken apart, before anything
// is known of its sense.
type words struct {
	form   form
	values map[string][]string // by option name, in order; a switch has "true"
	rest   []string            // what is no option
	prog   []string            // what stands behind --; nil where there is no --
	// private are the options that an options descriptor gave, which nobody
	// else can read.
	private map[string]bool
}

// value gives an option that does not repeat.
func (w *words) value(name string) (string, bool) {
	if v := w.values[name]; len(v) > 0 {
		return v[0], true
	}
	return "", false
}

func (w *words) has(name string) bool { return len(w.values[name]) > 0 }

// collector is the pflag.Value of one option.
type collector struct {
	option *option
	into   map[string][]string
}

func (c *collector) String() string { return "" }
func (c *collector) Type() string   { return c.option.Arg }
func (c *collector) Set(value string) error {
	if c.option.Arg == "" && value != "true" {
		return fmt.Errorf("it takes no value")
	}
	return add(c.into, c.option, value)
}

// add enforces that an option which cannot repeat comes once, from wherever.
func add(values map[string][]string, o *option, value string) error {
	if !o.Repeats && len(values[o.Name]) > 0 {
		return fmt.Errorf("--%s is given twice", o.Name)
	}
	values[o.Name] = append(values[o.Name], value)
	return nil
}

// splitArgs takes a command line apart. What it has understood comes back with
// an error as well.
func splitArgs(args []string) (*words, error) {
	w := &words{form: formConnect, values: map[string][]string{}, private: map[string]bool{}}
	if len(args) > 0 && slices.Contains(forms, form(args[0])) {
		w.form, args = form(args[0]), args[1:]
	}
	flags := pflag.NewFlagSet("tlsify", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	for i := range options {
		o := &options[i]
		flag := flags.VarPF(&collector{o, w.values}, o.Name, o.Short, o.Help)
		if o.Arg == "" {
			flag.NoOptDefVal = "true"
		}
	}
	err := flags.Parse(args)
	w.rest = flags.Args()
	if dash := flags.ArgsLenAtDash(); dash >= 0 {
		w.rest, w.prog = flags.Args()[:dash], flags.Args()[dash:]
	}
	if err != nil {
		if dash := slices.Index(args, "--"); dash >= 0 {
			w.prog = args[dash+1:] // for the status of the failure
		}
		return w, usagef("%s", err.Error())
	}
	return w, w.checkForm()
}

// addLines adds what an options descriptor said.
func (w *words) addLines(lines []string) error {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " ")
		at := slices.IndexFunc(options, func(o option) bool { return o.Name == name })
		switch {
		case at < 0 || name == "options-fd" || name == "help":
			return usagef("--options-fd: unknown option %q", cut(name))
		case options[at].Arg == "" && value != "":
			return usagef("--options-fd: %s takes no value", name)
		case options[at].Arg == "":
			value = "true"
		case value == "":
			return usagef("--options-fd: %s needs a value", name)
		}
		if err := add(w.values, &options[at], value); err != nil {
			return usagef("%s", err.Error())
		}
		w.private[name] = true
	}
	return w.checkForm()
}

// checkForm refuses options that the form does not have.
func (w *words) checkForm() error {
	for _, o := range options {
		if w.has(o.Name) && !o.isFor(w.form) {
			return usagef("--%s is not for %s", o.Name, w.form)
		}
	}
	return nil
}

// cut shortens what a message quotes.
func cut(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
