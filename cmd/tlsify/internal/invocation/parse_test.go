package invocation

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/stream"
)

// parse parses arguments, for a build with one engine.
func parse(t testing.TB, args ...string) (*Invocation, error) {
	t.Helper()
	words, err := option.Split(args)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return Parse(words, Context{Env: map[string]string{}, Engines: Engines{server{}}, Claims: &process.Claims{}})
}

// server is what parse has for an engine.
type server struct{ engine.ServerEngine }

func (server) Name() string    { return "std" }
func (server) Library() string { return "" }
func (server) CheckClient(c *engine.ClientConfig) error {
	if len(c.Groups) > 0 && c.Groups[0] == "unknown" {
		return &engine.UnsupportedError{Engine: "std", What: "group unknown"}
	}
	return nil
}

// bases are the shortest valid invocations.
var bases = map[option.Form][]string{
	option.Connect: {"connect", "a.test:443"},
	option.Accept:  {"accept", "--cert=c", "--key=k", "--", "prog"},
	option.Listen:  {"listen", "--cert=c", "--key=k", "127.0.0.1:0", "--", "prog"},
}

// with puts options before what else there is.
func with(base []string, options ...string) []string {
	return append(append([]string{base[0]}, options...), base[1:]...)
}

// Every option of every form that takes a value is judged here, where nothing
// has been opened or started: one without sense is refused, whatever else there
// is. What takes a file is given one that can't be.
func TestEveryOptionIsJudged(t *testing.T) {
	for form, base := range bases {
		if _, err := parse(t, base...); err != nil {
			t.Fatalf("%q: %v", base, err)
		}
		for _, o := range option.Table {
			// The control channel and the options descriptor come before all
			// words are there.
			if o.Arg == "" || !o.IsFor(form) || o.Name == "control-fd" || o.Name == "options-fd" {
				continue
			}
			value := ",,\x01"
			if strings.Contains(o.Arg, "FILE") {
				value = "fd:1"
			}
			args := with(base, "--"+o.Name+"="+value)
			switch o.Name {
			case "session": // a path, made at the end
				continue
			case "keylog": // an accept's
				if form == option.Listen {
					continue
				}
			case "cert", "key":
				args = []string{base[0], "--cert=c", "--key=k", "--cert=fd:1", "--key=fd:1"}
			case "staple-file":
				args = with(base, "--staple-file=fd:1")
			case "client-trust", "crl", "mtc-landmarks", "pin":
				args = with(base, "--"+o.Name+"="+value, "--pin=sha256//"+strings.Repeat("A", 43)+"=")
				if form != option.Connect {
					args = with(args, "--client-auth=require")
				}
			case "mtc-cosigners":
				args = with(base, "--mtc-cosigners=0 f")
			}
			_, err := parse(t, args...)
			var f *status.Failure
			if errors.As(err, new(*engine.UnsupportedError)) {
				continue
			}
			if !errors.As(err, &f) || f.Status != status.Usage {
				t.Errorf("%q: %v", args, err)
			}
		}
	}
}

// What parse says is a value: a failure with its CODE, and no process is needed to
// see it.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		args, want string
	}{
		{"accept|--cert=c|--key=signer:cat|--client-auth=bogus|--|prog", `--client-auth: want none, request or require, not "bogus"`},
		{"accept|--cert=c|--key=signer:|--|prog", `--key: signer: needs`},
		{"listen|--cert=c|--key=signer:fd:5|:0|--|prog", `can't share one stream`},
		{"connect|--cert=c|--key=signer:cat|a.test:1", `a signer is for servers`},
		{"connect|--pin=fd:5|--net-fd=5|--name=a.test", `--pin: descriptor 5 is used for --net-fd already`},
		{"connect|--trust=fd:2|a.test:1", `--trust: descriptor 2 is not free for that`},
		{"connect|--session=fd:1|a.test:1", `--session: descriptor 1 is not free for that`},
		{"connect|--session=fd:5|--net-fd=5|--name=a.test", `--session: descriptor 5 is used for --net-fd already`},
		// It once made a file of that name.
		{"fingerprint|--listen=127.0.0.1:0|--save=fd:5", `--save takes a path, and no fd:5`},
		{"accept|--cert=c|--key=signer:fd:5|--net-fd=5|--|prog", `--key: descriptor 5 is used for --net-fd already`},
		{"accept|--cert=c|--key=k|--ech-key=fd:1|--|prog", `--ech-key: descriptor 1 is not free for that: 0, 1 and 2 have a use of their own, so take one from 3 on`},
		{"connect|--session=fd:|a.test:1", `--session: fd: is no descriptor`},
		{"connect|--keylog=fd:x|a.test:1", `--keylog: fd:x is no descriptor`},
		{"fingerprint|--listen=127.0.0.1:0|--save=fd:-1", `--save: fd:-1 is no descriptor`},
		{"connect|--net-fd=5|--name=a.test|--keylog=fd:5", `--keylog: descriptor 5 is used for --net-fd already`},
		{"connect|--linger=1s|--handoff=ktls|a.test:1", `--handoff needs a --control-fd`},
		{"connect|--raw-public-key|--pin=f|--trust=f|a.test:1", `--raw-public-key: nobody vouches for a key`},
		{"connect|--trust=none|--pin=f|--crl=f|a.test:1", `--trust none builds none`},
		{"connect|--ech=f|--sni=none|a.test:1", `--ech needs a server name`},
		{"connect|--groups=unknown|a.test:1", "cannot do group unknown; `tlsify engines -v` lists"},
		{"accept|--cert=c|--key=k|--groups=unknown|--|prog", `cannot do group unknown`},
		{"accept|--cert=c|--cert=d|--key=k|--|prog", `go together`},
		{"accept|--cert=c|--key=k|--crl=f|--|prog", `--crl needs --client-auth`},
		{"accept|--cert=c|--key=k|--mtc-landmarks=f|--|prog", `--mtc-landmarks needs --client-auth`},
		{"accept|--cert=c|--key=k|--pin=f|--|prog", `--client-trust and --pin need --client-auth`},
		{"accept|--cert=c|--key=k|--staple-file=s|--staple-file=s|--|prog", `there are 2 of them and 1 of --cert`},
		{"connect|--net-fd=0|--name=a.test", `are the caller's`},
		{"connect|--net-fd=2|--name=a.test", `are the caller's`},
		{"connect|--net-fd=5,0|--name=a.test", `are the caller's`},
		{"connect|--net-fd=5,2|--name=a.test", `are the caller's`},
		{"accept|--cert=c|--key=k|--net-fd=1|--|prog", `are the caller's`},
		{"accept|--cert=c|--key=k|--net-fd=2|--|prog", `are the caller's`},
		{"accept|--cert=c|--key=k|--net-fd=0,2|--|prog", `are the caller's`},
		{"connect|--net-fd=5|--name=a.test|--proxy=http://p.test:1", `--proxy is for dialling`},
		{"connect|--net-fd=5|--name=a.test|--tcp-fastopen", `--tcp-fastopen is for dialling`},
		{"connect|--net-fd=5|--name=a.test|--connect-timeout=1s", `--connect-timeout is for dialling`},
		{"connect|--net-fd=5|--name=a.test|-4", `--ipv4 is for dialling`},
		{"connect|--net-fd=5|--name=a.test|-6", `--ipv6 is for dialling`},
		{"connect|--name=a.test|--proxy=http://p.test:1|unix:/x", `--proxy is not for a unix socket`},
		{"connect|--name=a.test|--tcp-fastopen|unix:/x", `--tcp-fastopen is not for a unix socket`},
		{"connect|--prog-fds=5,256|a.test:1|--|prog", `two or three descriptors of at most 255`},
		{"connect|--prog-fds=-5,6|a.test:1|--|prog", `two or three descriptors`},
		{"connect|--prog-fds=5,x|a.test:1|--|prog", `two or three descriptors`},
		{"connect|--timeout=8761h|a.test:1", `--timeout: "8761h" is not a time`},
		{"connect|--timeout=999us|a.test:1", `--timeout: "999us" is not a time`},
		{"connect|--alpn=" + strings.Repeat("a", 256) + "|a.test:1", `every word of the list has 1 to 255 bytes`},
		{"connect|--groups=" + strings.Repeat("aa,", 5461) + "ab|a.test:1", `a list of more than 16384 bytes`},
		{"connect|--starttls=imap|--starttls-name=a.test|a.test:1", `--starttls-name is for smtp`},
		{"connect|--starttls=smtp|--starttls-name=a b|a.test:1", `neither a host's name nor`},
		{"listen|--cert=c|--key=k|--max-connections=1000001|:0|--|prog", `is not a number from 1 to 1000000`},
		{"listen|--cert=c|--key=k|--max-connections=x|:0|--|prog", `is not a number`},
		{"listen|--cert=c|--key=k|*.test:0|--|prog", `*.test`},
		{"listen|--cert=c|--key=k|--|prog", `listen needs an address`},
		{"fingerprint|a|b", `a capture, or --listen ADDR, and nothing else`},
		{"fingerprint|--listen=:0|a", `a capture, or --listen ADDR, and nothing else`},
		{"fingerprint|a|--|prog", `a capture, or --listen ADDR, and nothing else`},
		{"fingerprint|--save=f|a", `--save FILE is for what --listen hears`},
		{"fingerprint|--save=|--listen=:0", `--save FILE is for what --listen hears`},
		{"fingerprint|--compare=b", `wants two captures`},
		{"fingerprint|--compare=b|--listen=:0", `wants two captures`},
		{"fingerprint|--compare=fd:1|a", `--compare: descriptor 1 is not free`},
		{"fingerprint|--listen=fd:5", `--listen is for an address, and not for a descriptor`},
		{"fingerprint|fd:1", `--fingerprint: descriptor 1 is not free`},
		{"version|a", `version: unexpected arguments`},
		{"help|a|b", `help: unexpected arguments`},
		{"engines|--|prog", `engines: unexpected arguments`},
	} {
		_, err := parse(t, strings.Split(c.args, "|")...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %s", c.args, err, c.want)
		}
	}
}

// What a peer must show is not for --ask and --opportunistic to waive (contract,
// 3.23).
func TestAnsweringExcludes(t *testing.T) {
	for option, others := range map[string][]string{
		"--ask":           {"--opportunistic", "--pin=f", "--tlsa=3 1 1 00", "--trust=none", "--cert=c", "--session=s"},
		"--opportunistic": {"--ask", "--pin=f", "--tlsa=3 1 1 00", "--trust=none", "--trust=system", "--trust=f", "--cert=c", "--session=s"},
	} {
		for _, other := range others {
			_, err := parse(t, "connect", option, other, "a.test:1")
			if err == nil || !strings.Contains(err.Error(), " exclude") {
				t.Errorf("%s %s: %v", option, other, err)
			}
		}
	}
}

// --handoff auto once handed the network's socket over where there was a limit to keep
// or an end to tell of, which then nobody did.
func TestHandoffAutoKeepsWhatIsAskedFor(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[1])
	fd, err := stream.NewFD(ends[0])
	if err != nil {
		t.Fatal(err)
	}
	say := status.Reporter{Control: status.NewChannel(fd, fd)}
	for given, want := range map[string]string{
		"--alpn=x": HandAuto, "--timeout=1s": HandPair, "--idle-timeout=1s": HandPair, "--linger=1s": HandPair,
		"--eof=hold": HandPair, "--eof-wait=1s": HandPair, "--tolerate-truncation": HandPair,
	} {
		words, err := option.Split([]string{"connect", "--handoff=auto", given, "a.test:1"})
		if err != nil {
			t.Fatal(err)
		}
		inv, err := Parse(words, Context{Env: map[string]string{}, Engines: Engines{server{}}, Claims: &process.Claims{}, Say: say})
		if err != nil || inv.Stream.Handoff != want {
			t.Errorf("%s: %q, %v", given, inv.Stream.Handoff, err)
		}
	}
}

// A session is bound to all that judges a peer, and to the way to it.
func TestSessionIsBound(t *testing.T) {
	bound := func(options ...string) string {
		t.Helper()
		inv, err := parse(t, with([]string{"connect", "a.test:1"}, append(options, "--session=s")...)...)
		if err != nil {
			t.Fatalf("%q: %v", options, err)
		}
		return fmt.Sprintf("%q", inv.Session.Bound)
	}
	seen := map[string]string{bound(): "nothing"}
	for _, option := range []string{"--trust=f", "--pin=f", "--tlsa=3 1 1 00", "--crl=f", "--staple=require", "--staple=off", "--mtc-cosigners=1 f", "--mtc-landmarks=f",
		"--min-security=tls13", "--min-security=pq", "--groups=x25519", "--signatures=ed25519", "--alpn=h2", "--proxy=http://p.test:1"} {
		is := bound(option)
		if other, known := seen[is]; known {
			t.Errorf("a session of %s is one of %s", option, other)
		}
		seen[is] = option
	}
	for _, variable := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		words, err := option.Split([]string{"connect", "--session=s", "a.test:1"})
		if err != nil {
			t.Fatal(err)
		}
		inv, err := Parse(words, Context{Env: map[string]string{variable: "x"}, Engines: Engines{server{}}, Claims: &process.Claims{}})
		if err != nil {
			t.Fatal(err)
		}
		is := fmt.Sprintf("%q", inv.Session.Bound)
		if other, known := seen[is]; known {
			t.Errorf("a session of %s is one of %s", variable, other)
		}
		seen[is] = variable
	}
}

// Roots that are asked for have to vouch, too, whatever a TLSA record says.
func TestTrustTooWithRecords(t *testing.T) {
	for options, want := range map[string]bool{"": false, "--trust=f": true, "--trust=system": true, "--trust=none": false} {
		inv, err := parse(t, with([]string{"connect", "a.test:1"}, append(strings.Fields(options), "--tlsa=3 1 1 00")...)...)
		if err != nil || inv.Trust.TrustToo != want {
			t.Errorf("%q: %v, %+v", options, err, inv.Trust)
		}
	}
}

// Several options may take one descriptor's content, and two keys one signer's
// stream; nothing else is shared.
func TestSharedDescriptors(t *testing.T) {
	for _, args := range []string{
		"connect|--trust=fd:5|--pin=fd:5|a.test:1",
		"accept|--cert=fd:5|--key=fd:5|--|prog",
		"accept|--cert=c|--key=signer:fd:5|--cert=d|--key=signer:fd:5|--|prog",
	} {
		if _, err := parse(t, strings.Split(args, "|")...); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// What the control channel has is not the network's as well.
func TestNetworkIsNotShared(t *testing.T) {
	for _, network := range []string{"5", "5,6", "6,5"} {
		words, err := option.Split([]string{"connect", "--net-fd=" + network, "--name=a.test"})
		if err != nil {
			t.Fatal(err)
		}
		claims := &process.Claims{}
		if err := claims.Claim(5, "control-fd", process.ToWrite); err != nil {
			t.Fatal(err)
		}
		want := "--net-fd: descriptor 5 is used for --control-fd already"
		if _, err := Parse(words, Context{Engines: Engines{server{}}, Claims: claims}); err == nil || err.Error() != want {
			t.Errorf("%s: error %v", network, err)
		}
	}
}

// A listener's accepts get what it was given and is not its own.
func TestHandedOn(t *testing.T) {
	inv, err := parse(t, "listen", "--cert=c", "--key=k", "--ticket-key=t", "--alpn=h2", "--client-auth=require",
		"--client-trust=r", "--crl=fd:5", "--verbose", "--max-handshakes=5", "127.0.0.1:0", "--", "prog")
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Join(inv.Listen.Args, " ")
	if want := "accept --client-auth=require --client-trust=r --alpn=h2 --verbose"; have != want {
		t.Errorf("%s, not %s", have, want)
	}
	if reread := inv.Listen.Reread; len(reread) != 1 || reread[0] != (NamedFile{"client-trust", "r"}) {
		t.Errorf("read again: %v", reread)
	}
}

// A listener took the word none, which its accepts know, for a file that they read.
func TestWordsAreNotReadAgain(t *testing.T) {
	pin := "sha256//" + strings.Repeat("A", 43) + "="
	inv, err := parse(t, with(bases[option.Listen], "--client-auth=require", "--client-trust=none", "--pin="+pin)...)
	if err != nil || len(inv.Listen.Reread) != 0 {
		t.Errorf("%v, %v", inv.Listen.Reread, err)
	}
}

// A trailing dot says that no domain is to be searched: it is dialled, and no part of
// the name.
func TestTrailingDotIsDialled(t *testing.T) {
	for host, dialled := range map[string]string{"a.test.": "a.test.:443", "a.test": "a.test:443", "BÜCHER.test.": "xn--bcher-kva.test.:443"} {
		inv, err := parse(t, "connect", host+":443")
		if err != nil {
			t.Fatal(err)
		}
		if inv.Target.Address != dialled || strings.HasSuffix(inv.Host.String(), ".") || strings.HasSuffix(inv.TLS.ServerName, ".") {
			t.Errorf("%s: %q is dialled, the name is %q and %q is sent", host, inv.Target.Address, inv.Host, inv.TLS.ServerName)
		}
	}
}

// What options say, and what holds without them.
func TestValues(t *testing.T) {
	limits := func(i *Invocation) any { return i.Limits }
	carried := func(i *Invocation) any { return i.Stream }
	dialled := func(i *Invocation) any { return i.Target.Network + " " + i.Target.Address }
	program := func(i *Invocation) any { return i.Program }
	network := func(i *Invocation) any { return i.Network }
	listening := func(i *Invocation) any { return i.Listen.Target }
	admission := func(i *Invocation) any {
		a := i.Listen.Admission
		return [...]int{a.Connections, a.PerAddress, a.Handshakes}
	}
	sent := func(i *Invocation) any { return i.TLS.ServerName }
	names := func(i *Invocation) any { return i.Trust.Names }
	roots := func(i *Invocation) any { return i.Trust.Roots }
	starttls := func(i *Invocation) any { return i.Starttls }
	topic := func(i *Invocation) any { return string(i.Form) + " " + i.Topic }
	for _, c := range []struct {
		args string
		read func(*Invocation) any
		want string
	}{
		{"connect|a.test:1", limits, "{30s 30s 0s}"},
		{"connect|--timeout=8760h|--connect-timeout=1ms|--handshake-timeout=7|a.test:1", limits, "{1ms 7s 8760h0m0s}"},
		{"connect|a.test:1", carried, "{0s 10s auto 10s false auto }"},
		{"connect|--tolerate-truncation|--pump=record|--eof=hold|--linger=1s|--idle-timeout=2s|a.test:1", carried, "{2s 1s hold 10s true record }"},
		{"connect|a.test:https", dialled, "tcp a.test:443"},
		{"connect|-4|a.test:1", dialled, "tcp4 a.test:1"},
		{"connect|-6|a.test:1", dialled, "tcp6 a.test:1"},
		{"connect|--tcp-fastopen|a.test:1", func(i *Invocation) any { return i.Target.TCPFastOpen }, "true"},
		{"connect|--name=a.test|unix:/x", dialled, "unix /x"},
		{"connect|a.test:1|--|prog", program, "{[prog] 6 7 0 0}"},
		{"connect|--prog-fds=255,0,5|a.test:1|--|prog", program, "{[prog] 255 0 5 0}"},
		{"accept|--cert=c|--key=k|--|prog", program, "{[prog] 0 1 0 0}"},
		{"accept|--cert=c|--key=k|--|prog", network, "[0]"},
		{"accept|--cert=c|--key=k|--net-fd=0,1|--|prog", network, "[0 1]"},
		{"connect|--name=a.test|--net-fd=3,4", network, "[3 4]"},
		{"listen|--cert=c|--key=k|:0|--|prog", admission, "[1000 500 100]"},
		{"listen|--cert=c|--key=k|--max-connections=1|:0|--|prog", admission, "[1 1 100]"},
		{"listen|--cert=c|--key=k|--max-connections=1000000|--max-per-address=3|--max-handshakes=4|:0|--|prog", admission, "[1000000 3 4]"},
		{"listen|--cert=c|--key=k|[::]:0|--|prog", listening, "{tcp [::]:0 []}"},
		{"listen|--cert=c|--key=k|0.0.0.0:0|--|prog", listening, "{tcp4 0.0.0.0:0 []}"},
		{"listen|--cert=c|--key=k|[::ffff:0.0.0.0]:0|--|prog", listening, "{tcp4 [::ffff:0.0.0.0]:0 []}"},
		{"listen|--cert=c|--key=k|B\u00fccher.test:1|--|prog", listening, "{tcp xn--bcher-kva.test:1 []}"},
		{"fingerprint|--listen=0.0.0.0:0", listening, "{tcp4 0.0.0.0:0 []}"},
		{"listen|--cert=c|--key=k|unix:/x|--|prog", listening, "{unix /x []}"},
		{"listen|--cert=c|--key=k|fd:5|--|prog", listening, "{  [5]}"},
		{"connect|a.test:1", sent, "a.test"},
		{"connect|--name=b.test|a.test:1", sent, "a.test"},
		{"connect|--sni=none|a.test:1", sent, ""},
		{"connect|--sni=c.test|a.test:1", sent, "c.test"},
		{"connect|--name=192.0.2.1|--name=b.test|--name=c.test|192.0.2.1:1", sent, "b.test"},
		{"connect|192.0.2.1:1", sent, ""},
		{"connect|a.test:1", names, "[a.test]"},
		{"connect|--name=192.0.2.1|--name=b.test|a.test:1", names, "[192.0.2.1 b.test]"},
		{"connect|--psk=f|a.test:1", names, "[]"},
		{"connect|a.test:1", roots, "[system]"},
		{"accept|--cert=c|--key=k|--client-auth=request|--pin=f|--|prog", roots, "[]"},
		{"connect|--starttls=xmpp|--name=b.test|a.test:1", starttls, "{xmpp b.test}"},
		{"connect|--starttls=smtp|--starttls-name=b.test|a.test:1", starttls, "{smtp b.test}"},
		{"connect|--min-security=pq-auth|a.test:1", func(i *Invocation) any { return i.TLS.Level == engine.LevelPQAuth }, "true"},
		{"connect|--min-security=cnsa2|a.test:1", func(i *Invocation) any { return i.TLS.Level == i.TLS.Profile.Level }, "true"},
		{"listen|--cert=c|--key=k|--keylog=f|:0|--|prog", func(i *Invocation) any { return i.TLS.KeyLog }, ""},
		{"connect|--sandbox=off|a.test:1", func(i *Invocation) any { return i.Sandbox == privilege.Off }, "true"},
		{"connect|--alpn=" + strings.Repeat("a", 255) + "|a.test:1", func(i *Invocation) any { return len(i.TLS.ALPN) }, "1"},
		{"connect|--help", topic, "help connect"},
		{"help|status", topic, "help status"},
		{"inspect|--pem|a.test:1", func(i *Invocation) any { return i.Inspect }, "pem"},
	} {
		inv, err := parse(t, strings.Split(c.args, "|")...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
		} else if got := fmt.Sprint(c.read(inv)); got != c.want {
			t.Errorf("%s: %q, not %q", c.args, got, c.want)
		}
	}
}

// A service manager's sockets are for the process that it names, and no other.
func TestGivenSockets(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		pid, count string
		want       int // sockets; 0: refused
	}{
		{own, "1", 1}, {own, "2", 2}, {own, "64", 64},
		{own, "65", 0}, {own, "0", 0}, {own, "-1", 0}, {own, "x", 0}, {own, "", 0}, {"1", "1", 0}, {"", "1", 0},
	} {
		words, err := option.Split([]string{"listen", "--cert=c", "--key=k", "--", "prog"})
		if err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.count}
		inv, err := Parse(words, Context{Env: env, Engines: Engines{server{}}, Claims: &process.Claims{}})
		given := inv.Listen.Target.Given
		if len(given) != c.want || (err == nil) != (c.want > 0) || c.want > 0 && (given[0] != 3 || given[c.want-1] != c.want+2) {
			t.Errorf("%s sockets for process %s: %v, %v", c.count, c.pid, given, err)
		}
	}
}
