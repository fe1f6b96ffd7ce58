package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// version is the project's. Releases set nothing else.
const version = "0.1.0"

const helpOverview = `tlsify does TLS for a program that has none: the program starts it as a child and
talks plaintext to it. It checks certificates, and there is no option to switch
that off.

  tlsify example.org:443                     talk to a server: what you type goes
                                             there, what it says comes here
  printf 'GET / HTTP/1.0\r\n\r\n' | tlsify example.org:443
  tlsify --trust FILE example.org:443        trust these certificates, and no others
  tlsify --trust none --pin PIN host:443     a server that you know by its key
  tlsify inspect example.org:443             who it is, and whether it is verified
  tlsify listen --cert FILE --key FILE 127.0.0.1:8443 -- PROG
                                             a server: PROG has each connection's
                                             plaintext on its 0 and 1

Its forms:

  tlsify [connect] [OPTION]... HOST:PORT [-- PROG ARG...]
  tlsify [connect] [OPTION]... unix:PATH --name NAME [-- PROG ARG...]
  tlsify connect   [OPTION]... --net-fd N[,M] --name NAME [-- PROG ARG...]
  tlsify accept    [OPTION]... --cert FILE --key FILE [--net-fd N[,M]] [-- PROG]
  tlsify listen    [OPTION]... --cert FILE --key FILE [ADDR] -- PROG
  tlsify inspect   [OPTION]... [--json | --pem] HOST:PORT
  tlsify fingerprint [--json] [FILE | --listen ADDR [--save FILE] | --compare A B]
  tlsify engines | version | help [TOPIC]

A failure is one line with a word in brackets, its CODE: tlsify help CODE says what
it means and what to do. A program finds CODEs and facts on --control-fd.

  tlsify help connect        all options of a form; also accept, listen, inspect
  tlsify help trust          options by topic; also identity, session, descriptors,
                             stream, sandbox, fingerprint
  tlsify help pin            one option
  tlsify help control        what is said on the control channel
  tlsify help status         exit statuses, and the CODEs of each
  man tlsify                 all of it
`

const helpControl = `The control channel carries lines, KEYWORD [VALUE]..., in which a byte that
would break a token is %XX. Ignore a keyword that you don't know.

  tlsify 1 ENGINE                     first, always
  listening ADDRESS                   from listen
  reloaded yes | no TEXT              from listen, at SIGHUP
  dialed ADDRESS                      where tlsify dialled
  retry trust-anchor ID               and connects again: --mtc-landmarks
  peer-certificate N BASE64           DER, from 0, the leaf
  peer-pin sha256//BASE64             of the leaf's key
  peer-subject DN                     of the leaf, as are the next three
  peer-issuer DN
  peer-name KIND:NAME                 each: dns, ip, srv, uri, email
  peer-not-after TIME
  protocol NAME
  cipher NAME                         and group, signature, alpn, server-name
  resumed yes|no
  verified KIND DETAIL                system, trust, pin, tlsa, psk or ask
  unverified CODE...                  with --opportunistic
  staple good                         a stapled OCSP response vouches for the leaf
  timestamps N                        signed certificate timestamps came (unchecked)
  expires TIME                        the first certificate on the path to expire
  expires-soon DAYS                   that is less than 14 days away
  binding KIND BASE64
  sandbox MEASURE...                  what confines tlsify from here on, or off
  ask PIN CODE...                     with --ask: answer trust PIN, or no
  pump NAME                           what carries the bytes: ktls, record, session
  handoff KIND                        with it comes a descriptor: socketpair, ktls
  ready                               before the first byte of application data
  closed peer, closed local           a close_notify came, or went
  truncated                           the peer's stream ended without one
  lost N                              so many lines were dropped: you don't read
  rekeyed                             you sent rekey: a KeyUpdate went, for both directions
  rekey-refused PUMP TEXT             it cannot be: why
  unknown WORD                        you sent a command that there isn't
  ech accepted
  ech-retry BASE64                    the ECHConfigList to use instead
  error CODE TEXT                     see the topic status
  end STATUS                          last, always

Commands: trust PIN; close (as an end of file on descriptor 0); rekey (new keys,
in both directions).
`

const helpFingerprint = `tlsify fingerprint says by what ClientHellos are known (JA3, JA4), and what is in
them: those of a capture (pcap, pcapng, a TLS record, hexadecimal digits), or that of
a client that you send to --listen, of which no more is read.

  tlsify fingerprint --listen 127.0.0.1:8443 --save browser.hello
                     and load https://localhost:8443/ in the browser, which fails
  tlsify --engine utls --fingerprint chrome --alpn h2,http/1.1 localhost:8443
                     says what a browser says; tlsify engines -v lists the names,
                     and a FILE with a capture will do
  tlsify fingerprint --compare browser.hello other.hello

`

// printHelp writes the help on a topic.
func printHelp(topic string) (int, error) {
	var b strings.Builder
	switch {
	case topic == "" || topic == "help":
		b.WriteString(helpOverview)
	case topic == "control":
		b.WriteString(helpControl)
	case topic == "s_client":
		b.WriteString(caller.SClientHelp())
	case topic == "status":
		helpStatus(&b)
	case topic == "engines" || topic == "version":
		b.WriteString("tlsify engines lists the TLS engines of this build, the default first; -v says more.\ntlsify version says which version this is.\n")
	default:
		if topic == string(option.Fingerprint) {
			b.WriteString(helpFingerprint)
		}
		found := helpOptions(&b, topic)
		code, isCode := status.Explain(topic)
		if found && isCode { // connect is both
			b.WriteString("\nand of the CODE:\n\n")
		}
		if isCode {
			helpCode(&b, code)
		}
		if !found && !isCode {
			if _, err := strconv.Atoi(topic); err == nil {
				return 0, status.Usagef("there is no help on %q: tlsify help status has the exit statuses", status.Cut(topic))
			}
			if near := option.Nearest(strings.ToLower(topic), topics()); near != "" {
				return 0, status.Usagef("there is no help on %q: did you mean %s?", status.Cut(topic), near)
			}
			return 0, status.Usagef("there is no help on %q; see tlsify help", status.Cut(topic))
		}
	}
	_, err := os.Stdout.WriteString(b.String())
	return printed(err)
}

func printed(err error) (int, error) {
	if err != nil {
		return 0, &status.Failure{Status: status.Local, Code: "local-io", Text: status.PathText(err)}
	}
	return status.OK, nil
}

// helpCode says what a CODE means and what to do.
func helpCode(b *strings.Builder, code status.Code) {
	var of []string
	for _, s := range status.Table {
		if slices.Contains(s.Codes, code.Name) {
			of = append(of, strconv.Itoa(s.Status))
		}
	}
	fmt.Fprintf(b, "%s, status %s\n\n", code.Name, strings.Join(of, " or "))
	for _, line := range append(append(wrap(code.Means, 76), ""), wrap(code.Do, 76)...) {
		b.WriteString(strings.TrimRight("  "+line, " ") + "\n")
	}
}

// topics are all that there is help on; an option's own name is one, too.
func topics() (all []string) {
	all = []string{"connect", "accept", "listen", "inspect", "control", "status", "engines"}
	for _, o := range option.Table {
		if o.Topic != "" && !slices.Contains(all, o.Topic) {
			all = append(all, o.Topic)
		}
	}
	for _, code := range status.Codes {
		if !slices.Contains(all, code.Name) {
			all = append(all, code.Name)
		}
	}
	return all
}

// helpOptions describes the options of a topic or of a form, or the one of that name.
func helpOptions(b *strings.Builder, topic string) bool {
	letter, isForm := option.FormLetters[option.Form(topic)]
	isTopic := slices.ContainsFunc(option.Table, func(o option.Option) bool { return o.Topic == topic })
	found := false
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	for _, o := range option.Table {
		if o.Topic == topic || !isTopic && !isForm && o.Name == topic || isForm && o.Topic != "" && strings.Contains(o.Forms, letter) {
			found = true
			for i, line := range wrap(o.Help, 48) {
				if i > 0 {
					fmt.Fprintf(w, "\t%s\n", line)
				} else {
					fmt.Fprintf(w, "  %s\t%s\n", o.Spelling(), line)
				}
			}
		}
	}
	w.Flush()
	return found
}

func helpStatus(b *strings.Builder) {
	for _, s := range status.Table {
		fmt.Fprintf(b, "%3d  %s\n", s.Status, s.Meaning)
		for _, line := range wrap(strings.Join(s.Codes, ", "), 70) {
			if line != "" {
				fmt.Fprintf(b, "       %s\n", line)
			}
		}
	}
	b.WriteString(`
128+n where signal n ended it. With PROG: PROG's own status (128+n if a signal
ended it, 126 or 127 if it couldn't start); 100 more than the above where tlsify
failed before PROG started; 106 or 107 where PROG ended with 0 but its stream
was truncated or failed.
`)
}

// wrap breaks text into lines of at most width, where it has spaces.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func printVersion() (int, error) {
	_, err := fmt.Printf("tlsify %s (contract 1, %s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return printed(err)
}

// printEngines lists the engines of this build, the default first.
func printEngines(verbose bool) (int, error) {
	var b strings.Builder
	for _, e := range built() {
		sides := "client"
		if _, ok := e.(engine.ServerEngine); ok {
			sides = "client and server"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\n", e.Name(), sides, e.Library())
		if verbose {
			helpEngine(&b, e)
		}
	}
	_, err := os.Stdout.WriteString(b.String())
	return printed(err)
}

// helpEngine lists what can be asked of an engine by name.
func helpEngine(b *strings.Builder, e engine.Engine) {
	names, defaults := e.Groups()
	fmt.Fprintf(b, "\tgroups: %s\n", strings.Join(names[:defaults], " "))
	if defaults < len(names) {
		fmt.Fprintf(b, "\tgroups by name only: %s\n", strings.Join(names[defaults:], " "))
	}
	if s, ok := e.(engine.SignatureEngine); ok {
		names, defaults := s.Signatures()
		fmt.Fprintf(b, "\tsignatures: %s\n\tsignatures by name only: %s\n", strings.Join(names[:defaults], " "), strings.Join(names[defaults:], " "))
	}
	if f, ok := e.(invocation.Imitator); ok {
		fmt.Fprintf(b, "\tfingerprints: %s\n", strings.Join(f.Fingerprints(), " "))
		for _, name := range f.Fingerprints() {
			program, _, _ := strings.Cut(name, "-")
			if newest, err := f.ResolveFingerprint(program); err == nil && newest == name && name != program {
				fmt.Fprintf(b, "\tfingerprint %s: %s, of %s\n", program, name, f.Origin(name))
			}
		}
	}
}
