package dial

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Every protocol comes to TLS, however the bytes are cut, and the stream is
// then as it was: the next byte either way is the handshake's.
func TestGood(t *testing.T) {
	for _, protocol := range StarttlsProtocols() {
		if len(good[protocol]) == 0 {
			t.Errorf("there is no dialogue of %s", protocol)
		}
	}
	for _, dribbles := range []bool{false, true} {
		eachGood(t, func(t *testing.T, protocol string, turns []turn) {
			fd, _ := dial(t, turns, dribbles, func(s *server) {
				hello := make([]byte, 5)
				if _, err := io.ReadFull(s.conn, hello); err != nil || string(hello) != "hello" {
					t.Errorf("the server hears %q, %v", hello, err)
				}
				io.WriteString(s.conn, "world")
			})
			if err := Starttls(limited(t), fd, protocol, "peer.test"); err != nil {
				t.Fatal(err)
			}
			io.WriteString(fd, "hello")
			if got, err := io.ReadAll(fd); string(got) != "world" || err != nil {
				t.Errorf("behind it there are %q, %v", got, err)
			}
		})
	}
}

// What comes in one piece with the last answer is refused: CVE-2011-0411,
// CVE-2021-23222 and their kin.
func TestInjection(t *testing.T) {
	for _, injected := range []string{"\r\n", "\x16\x03\x03\x00\x01", "250 go on in clear\r\n", "\x00"} {
		eachGood(t, func(t *testing.T, protocol string, turns []turn) {
			turns = slices.Clone(turns)
			turns[len(turns)-1].say += injected
			fd, _ := dial(t, turns, false, hold)
			if err := Starttls(limited(t), fd, protocol, "peer.test"); !errors.Is(err, errBehind) && (protocol != "mysql" || !errors.Is(err, errUnasked)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// The same on a stream that can't tell whether there is more, as TLS to a
// proxy is.
func TestInjectionWithoutPoll(t *testing.T) {
	fd, _ := dial(t, []turn{{"+OK hi\r\n", "STLS\r\n"}, {"+OK go\r\n+OK more\r\n", ""}}, false, hold)
	if err := Starttls(limited(t), struct{ ClearStream }{fd}, "pop3", ""); !errors.Is(err, errBehind) {
		t.Errorf("the error is %v", err)
	}
}

// An answer that came before the question is none, where a server must wait.
func TestAnswerBeforeQuestion(t *testing.T) {
	eachGood(t, func(t *testing.T, protocol string, turns []turn) {
		if protocol == "imap" || protocol == "irc" || turns[0].say == "" || len(turns) < 2 {
			return // one line more is nothing special
		}
		early := turns[0].say + turns[1].say
		fd, _ := dial(t, []turn{{early, turns[0].hear}}, false, hold)
		if err := Starttls(limited(t), fd, protocol, "peer.test"); !errors.Is(err, errUnasked) {
			t.Errorf("the error is %v", err)
		}
	})
}

// Wherever the server leaves, that is an error.
func TestCutOff(t *testing.T) {
	eachGood(t, func(t *testing.T, protocol string, turns []turn) {
		for i := range turns {
			for n := range len(turns[i].say) {
				pieces := make([][]byte, i+1)
				for j, now := range turns[:i] {
					pieces[j] = []byte(now.say)
				}
				pieces[i] = []byte(turns[i].say[:n])
				err := Starttls(limited(t), newPlaying(1<<20, pieces...), protocol, "peer.test")
				if !errors.Is(err, errCutOff) && !errors.Is(err, errClosed) {
					t.Errorf("after %d bytes of turn %d: %v", n, i, err)
				}
			}
		}
	})
}

// lost is a connection that breaks where the server would have more to say, or where it is
// written to.
type lost struct {
	*playing
	write error
}

func (l lost) Read(b []byte) (int, error) {
	n, err := l.playing.Read(b)
	if err != nil {
		err = unix.ECONNRESET
	}
	return n, err
}

func (l lost) Write(b []byte) (int, error) {
	if l.write != nil {
		return 0, l.write
	}
	return l.playing.Write(b)
}

// A connection that breaks is told of, at once and whichever way.
func TestLost(t *testing.T) {
	eachGood(t, func(t *testing.T, protocol string, turns []turn) {
		for _, write := range []error{nil, unix.EPIPE} {
			want := write
			if want == nil {
				if want = unix.ECONNRESET; len(turns) < 2 {
					continue // nothing is read behind the question
				}
			}
			l := lost{newPlaying(1<<20, []byte(turns[0].say)), write}
			if err := Starttls(limited(t), l, protocol, "peer.test"); !errors.Is(err, want) {
				t.Errorf("%v: the error is %v", want, err)
			}
		}
	})
}

// A server that says nothing at any point of the dialogue is given up when the
// limit comes, which is told.
func TestSilence(t *testing.T) {
	limit := errors.New("the limit")
	eachGood(t, func(t *testing.T, protocol string, turns []turn) {
		for i := range turns {
			if turns[i].say == "" {
				continue
			}
			for _, n := range []int{0, len(turns[i].say) - 1} {
				ctx, cancel := context.WithCancelCause(context.Background())
				fd, s := dial(t, append(slices.Clone(turns[:i]), turn{turns[i].say[:n], ""}), false, hold)
				go func() {
					for range i + 1 {
						<-s.heard
					}
					cancel(limit)
				}()
				if err := Starttls(ctx, fd, protocol, "peer.test"); !errors.Is(err, limit) {
					t.Errorf("silence after %d bytes of turn %d: %v", n, i, err)
				}
			}
		}
	})
}

// At a port with TLS from the start STARTTLS ends in silence, or with an alert; the error
// said nothing of that.
func TestTLSFromTheStart(t *testing.T) {
	const hint = "leave --starttls out"
	for name, c := range map[string]struct {
		protocol string
		turns    []turn
		end      func(*server)
		hint     bool
	}{
		"silent":       {"smtp", []turn{{"", ""}}, hold, true},
		"closes":       {"postgres", []turn{{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f"}}, nil, true},
		"alert":        {"irc", []turn{{"", "STARTTLS\r\n"}, {"\x15\x03\x03\x00\x02\x02\x46", ""}}, nil, true},
		"greets":       {"smtp", []turn{{"220 hi\r\n", ""}}, hold, false},
		"greets, ends": {"pop3", []turn{{"+OK\r\n", "STLS\r\n"}}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			fd, _ := dial(t, c.turns, false, c.end)
			if text := errorText(Starttls(ctx, fd, c.protocol, "peer.test")); text == "" || strings.Contains(text, hint) != c.hint {
				t.Errorf("the error is %q", text)
			}
		})
	}
}

// Ten megabytes without an end are given up long before.
func TestEndless(t *testing.T) {
	eachGood(t, func(t *testing.T, protocol string, turns []turn) {
		for _, what := range []string{"x", "\xff", "\x30\x84\x7f", "* x\r\n", "220-\r\n", ":a NOTICE b\r\n", "\"X\" {9}\r\n", "<a>", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' a='"} {
			for i := range turns {
				if turns[i].say == "" {
					continue
				}
				const much = 10 << 20
				sent := 0
				fd, s := dial(t, turns[:i], false, func(s *server) {
					io.WriteString(s.conn, what)
					for piece := strings.Repeat(what, 8000/len(what)); sent < much; sent += len(piece) {
						if _, err := io.WriteString(s.conn, piece); err != nil {
							return
						}
					}
				})
				err := Starttls(limited(t), fd, protocol, "peer.test")
				var e *StarttlsError
				if !errors.As(err, &e) || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%q for ever: %v", what, err)
				}
				s.conn.Close()
			}
		}
	})
}

// A server that says no, or what can't be, is quoted.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		protocol string
		turns    []turn
		text     string
	}{
		{"smtp", []turn{{"554-no service\r\n554 for you\r\n", ""}}, `begins with "554-no service"`},
		{"smtp", []turn{{"SSH-2.0-x\r\n", ""}}, `begins with "SSH-2.0-x"`},
		{"smtp", []turn{{"220 " + strings.Repeat("x", lineLimit), ""}}, `a line of more than`},
		{"smtp", []turn{{"220 hi\r\n", "EHLO peer.test\r\n"}, {"502 what?\r\n", ""}}, `answers EHLO with "502 what\?"`},
		{"smtp", []turn{{"220 hi\r\n", "EHLO peer.test\r\n"}, {"250 hi\r\n", "STARTTLS\r\n"}, {"454 4.7.0 TLS not available\r\n", ""}}, `answers STARTTLS with "454 4.7.0 TLS not available"`},
		{"smtp", []turn{{"220 hi\r\n", "EHLO peer.test\r\n"}, {"250-hi\r\n251 x\r\n", ""}}, `in a reply that begins with 250 there is "251 x"`},
		{"smtp", []turn{{"220 hi\r\n", "EHLO peer.test\r\n"}, {"250 hi\r\n", "STARTTLS\r\n"}, {"500 \x1b[2J\x00\u202e\r\n", ""}}, `with "500 \\x1b\[2J\\x00\\u202e"`},
		{"lmtp", []turn{{"220 hi\r\n", "LHLO peer.test\r\n"}, {"250 hi\r\n", "STARTTLS\r\n"}, {"502 5.5.1 no\r\n", ""}}, `answers STARTTLS with "502 5.5.1 no"`},
		{"imap", []turn{{"* PREAUTH in you are\r\n", ""}}, `PREAUTH`},
		{"imap", []turn{{"* BYE\r\n", ""}}, `begins with "\* BYE"`},
		{"imap", []turn{{"* OK\r\n", "a STARTTLS\r\n"}, {"* x\r\na BAD no\r\n", ""}}, `answers STARTTLS with "a BAD no"`},
		{"imap", []turn{{"* OK\r\n", "a STARTTLS\r\n"}, {"* BYE no\r\n", ""}}, `"\* BYE no"`},
		{"imap", []turn{{"* OK\r\n", "a STARTTLS\r\n"}, {"+ more\r\n", ""}}, `"\+ more"`},
		{"pop3", []turn{{"+OKAY\r\n", ""}}, `begins with "\+OKAY"`},
		{"pop3", []turn{{"+OK\r\n", "STLS\r\n"}, {"-ERR no\r\n", ""}}, `answers STLS with "-ERR no"`},
		{"ftp", []turn{{"220 hi\r\n", "AUTH TLS\r\n"}, {"530 Please login with USER and PASS.\r\n", ""}}, `answers AUTH TLS with "530 Please`},
		{"ftp", []turn{{"220 hi\r\n", "AUTH TLS\r\n"}, {"200 yes\r\n", ""}}, `with "200 yes"`},
		{"nntp", []turn{{"502 no\r\n", ""}}, `begins with "502 no"`},
		{"nntp", []turn{{"200 hi\r\n", "STARTTLS\r\n"}, {"580 Can not initiate TLS negotiation\r\n", ""}}, `"580 Can not`},
		{"irc", []turn{{"", "STARTTLS\r\n"}, {":irc.test 691 * :STARTTLS failed\r\n", ""}}, `answers STARTTLS with ":irc.test 691 \* :STARTTLS failed"`},
		{"irc", []turn{{"", "STARTTLS\r\n"}, {":irc.test NOTICE * :x\r\nERROR :go away\r\n", ""}}, `"ERROR :go away"`},
		{"irc", []turn{{"", "STARTTLS\r\n"}, {"670", ""}}, `in the middle of an answer`},
		{"sieve", []turn{{"\"A\"\r\nBYE \"full\"\r\n", ""}}, `begins with "BYE`},
		{"sieve", []turn{{"OK\r\n", "STARTTLS\r\n"}, {"NO \"TLS\"\r\n", ""}}, `answers STARTTLS with "NO`},
		{"sieve", []turn{{"{999999999}\r\n", ""}}, `a line of more than`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x1d\x02\x01\x01\x78\x18\x0a\x01\x34\x04\x00\x04\x11TLS not available", ""}}, `answers StartTLS with "result 52: TLS not available"`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00", ""}}, `result 0`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00", ""}}, `not LDAP`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x0c\x02\x01\x01\x78\x20\x0a\x01\x00\x04\x00\x04\x00", ""}}, `not LDAP`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x80\x02\x01", ""}}, `not LDAP`},
		{"ldap", []turn{{"", ldapRequest}, {"\x30\x84\x00\x10\x00\x00", ""}}, `not LDAP`},
		{"ldap", []turn{{"", ldapRequest}, {"HTTP/1.1 400", ""}}, `not LDAP`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + "<stream:features/>", ""}}, `does not offer STARTTLS`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + "<stream:features><x><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></x></stream:features>", ""}}, `does not offer STARTTLS`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", ""}}, `the stream with "error: host-unknown"`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + xmppHas, xmppAsk}, {"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>", ""}}, `answers STARTTLS with "failure"`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + xmppHas, xmppAsk}, {"<proceed xmlns='other'/>", ""}}, `answers STARTTLS with "proceed"`},
		{"xmpp", []turn{{"", xmppHello}, {xmppHead + "</stream:stream>", ""}}, `ends the stream`},
		{"xmpp", []turn{{"", xmppHello}, {"<!DOCTYPE x [<!ENTITY a 'b'>]>", ""}}, `not XMPP`},
		{"xmpp", []turn{{"", xmppHello}, {"<?xml version='1.0' encoding='utf-16'?>", ""}}, `not XMPP`},
		{"xmpp", []turn{{"", xmppHello}, {"<!-- x -->", ""}}, `not XMPP`},
		{"xmpp", []turn{{"", xmppHello}, {"<html>", ""}}, `not XMPP`},
		{"xmpp", []turn{{"", xmppHello}, {"<a></b>", ""}}, `not XMPP`},
		{"postgres", []turn{{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f"}, {"N", ""}}, `no TLS`},
		{"postgres", []turn{{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f"}, {"E\x00\x00\x00\x10secret", ""}}, `answers with an error`},
		{"postgres", []turn{{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f"}, {"\x1b", ""}}, `answers SSLRequest with "\\x1b"`},
		{"mysql", []turn{{mysqlGreeting("\xff\xf7", "\xff\xff"), ""}}, `no TLS`},
		{"mysql", []turn{{mysqlGreeting("\x00\x08", "\xff\xff"), ""}}, `too old`},
		{"mysql", []turn{{"\x17\x00\x00\x00\xff\x6a\x04Host is not allowed!", ""}}, `begins with "Host is not allowed!"`},
		{"mysql", []turn{{"\x0a\x00\x00\x00\x093.23.58\x00\x00", ""}}, `none of MySQL's protocol 10: version "3.23.58"`},
		{"mysql", []turn{{"HTTP/1.1", ""}}, `not a MySQL greeting`},
	} {
		t.Run(test.protocol, func(t *testing.T) {
			t.Parallel()
			end := hold
			if strings.Contains(test.text, "middle") {
				end = nil
			}
			fd, _ := dial(t, test.turns, false, end)
			err := Starttls(limited(t), fd, test.protocol, "peer.test")
			if text := errorText(err); !regexp.MustCompile(test.text).MatchString(text) || !strings.HasPrefix(text, "STARTTLS with "+test.protocol+": ") {
				t.Errorf("the error is %q, not %s", text, test.text)
			}
		})
	}
}

// A name is data, whatever is in it.
func TestXMPPName(t *testing.T) {
	fd, _ := dial(t, []turn{{"", strings.Replace(xmppHello, "peer.test", "a&#39;&lt;b", 1)}, {xmppHead + xmppHas, xmppAsk}, {xmppYes, ""}}, false, hold)
	if err := Starttls(limited(t), fd, "xmpp", "a'<b"); err != nil {
		t.Error(err)
	}
}

func TestCodeOf(t *testing.T) {
	for line, want := range map[string]string{
		"220": "220", "220 ready": "220", "220-ready": "220", "090 x": "090",
		"": "", "2": "", "22": "", "2200": "", "220x": "", "2/0 x": "", "2:0 x": "", "-20 x": "", " 220": "",
	} {
		if got := codeOf(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestUnknownProtocol(t *testing.T) {
	if err := Starttls(limited(t), nil, "gopher", ""); err == nil {
		t.Error("there is no error")
	}
}

// hold keeps the connection until the client ends it.
func hold(s *server) { io.Copy(io.Discard, s.conn) }

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
