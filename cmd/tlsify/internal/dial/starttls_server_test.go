package dial

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// answerTime is how long anything may take.
const answerTime = 20 * time.Second

// turn is what a scripted server says, and what it must hear then.
type turn struct{ say, hear string }

const ldapYes = "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

const (
	xmppHead = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='1' from='peer.test' version='1.0' xmlns='jabber:client'>"
	xmppHas  = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><other xmlns='x'/></stream:features>"
	xmppAsk  = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	xmppYes  = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

	xmppHello = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='peer.test' version='1.0'>"
)

// mysqlGreeting is that of a server with these capabilities, and mysqlAsk what
// is answered to one with all.
func mysqlGreeting(low, high string) string {
	payload := "\x0a8.0.36\x00" + "\x08\x00\x00\x00" + "scramble\x00" + low + "\xff\x02\x00" + high + "\x15" + strings.Repeat("\x00", 10) + "morescramble\x00caching_sha2_password\x00"
	return string([]byte{byte(len(payload)), 0, 0, 0}) + payload
}

const mysqlAsk = "\x20\x00\x00\x01" + "\x05\xaa\x2a\x00" + "\x00\x00\x00\x01" + "\x2d" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// good are dialogues that come to TLS, of every protocol.
var good = map[string][]struct {
	name  string
	turns []turn
}{
	"smtp": {
		{"plain", []turn{{"220 mail.test ESMTP\r\n", "EHLO peer.test\r\n"}, {"250-mail.test\r\n250-STARTTLS\r\n250 HELP\r\n", "STARTTLS\r\n"}, {"220 go\r\n", ""}}},
		{"long greeting", []turn{{"220-mail.test\r\n220-be nice\r\n220 \r\n", "EHLO peer.test\r\n"}, {"250 mail.test\n", "STARTTLS\r\n"}, {"220\r\n", ""}}},
	},
	"lmtp": {{"plain", []turn{{"220 mail.test LMTP\r\n", "LHLO peer.test\r\n"}, {"250-mail.test\r\n250 STARTTLS\r\n", "STARTTLS\r\n"}, {"220 2.0.0 go\r\n", ""}}}},
	"imap": {
		{"plain", []turn{{"* OK [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n", "a STARTTLS\r\n"}, {"a OK go\r\n", ""}}},
		{"untagged", []turn{{"* ok hello\r\n* OK [ALERT] nearly full\r\n", "a STARTTLS\r\n"}, {"* CAPABILITY IMAP4rev1\r\nA ok\r\n", ""}}},
	},
	"pop3": {{"plain", []turn{{"+OK hello <1@pop.test>\r\n", "STLS\r\n"}, {"+OK\r\n", ""}}}},
	"ftp": {
		{"plain", []turn{{"220 hello\r\n", "AUTH TLS\r\n"}, {"234 go\r\n", ""}}},
		{"long greeting", []turn{{"220-hello\r\n 220 is not the end\r\n\r\n230 neither\r\n220-\r\n220 here\r\n", "AUTH TLS\r\n"}, {"234-go\r\non\r\n234 now\r\n", ""}}},
	},
	"xmpp": {
		{"plain", []turn{{"", xmppHello}, {xmppHead + xmppHas, xmppAsk}, {xmppYes, ""}}},
		{"spaced", []turn{{"", xmppHello}, {xmppHead + "\n \n" + xmppHas + "\n", xmppAsk}, {"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>", ""}}},
	},
	"xmpp-server": {{"plain", []turn{{"", strings.ReplaceAll(xmppHello, "client", "server")}, {xmppHead + xmppHas, xmppAsk}, {xmppYes, ""}}}},
	"irc": {
		{"plain", []turn{{"", "STARTTLS\r\n"}, {":irc.test 670 * :STARTTLS successful, go ahead with TLS handshake\r\n", ""}}},
		{"notices", []turn{{":irc.test NOTICE * :*** Looking up your hostname\r\n", "STARTTLS\r\n"}, {"@time=1 :irc.test NOTICE * :*** Found\r\nNOTICE AUTH :x\r\n:irc.test 020 * :wait\r\n670 * :go\r\n", ""}}},
	},
	"ldap": {
		{"plain", []turn{{"", ldapRequest}, {ldapYes, ""}}},
		{"long lengths", []turn{{"", ldapRequest}, {"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20037", ""}}},
	},
	"nntp": {
		{"plain", []turn{{"200 hello\r\n", "STARTTLS\r\n"}, {"382 go\r\n", ""}}},
		{"no posting", []turn{{"201 hello\r\n", "STARTTLS\r\n"}, {"382\r\n", ""}}},
	},
	"sieve": {
		{"plain", []turn{{"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"hello\"\r\n", "STARTTLS\r\n"}, {"OK\r\n", ""}}},
		{"literals", []turn{{"{8}\r\nOK\r\n{99}\r\n{3+}\r\n\r\nX\r\n\"STARTTLS\"\r\nok {4}\r\nNO\r\n\r\n", "STARTTLS\r\n"}, {"OK (WARNINGS) {2}\r\n\r\n\r\n", ""}}},
	},
	"postgres": {{"plain", []turn{{"", "\x00\x00\x00\x08\x04\xd2\x16\x2f"}, {"S", ""}}}},
	"mysql":    {{"plain", []turn{{mysqlGreeting("\xff\xff", "\xff\xff"), mysqlAsk}}}},
}

// eachGood runs test with every good dialogue.
func eachGood(t *testing.T, test func(t *testing.T, protocol string, turns []turn)) {
	for protocol, list := range good {
		for _, g := range list {
			t.Run(protocol+" "+g.name, func(t *testing.T) {
				t.Parallel()
				test(t, protocol, g.turns)
			})
		}
	}
}

// server plays turns to one client.
type server struct {
	t        *testing.T
	conn     net.Conn
	dribbles bool
	heard    chan int // the numbers of the turns that are over
}

// dial connects to a server that plays turns, and then what end says.
func dial(t *testing.T, turns []turn, dribbles bool, end func(*server)) (*stream.FD, *server) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &server{t: t, dribbles: dribbles, heard: make(chan int, len(turns))}
	if s.conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	s.conn.SetDeadline(time.Now().Add(answerTime))
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	if err != nil {
		t.Fatal(err)
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer s.conn.Close()
		s.play(turns)
		if end != nil {
			end(s)
		}
	}()
	t.Cleanup(func() {
		fd.Close()
		<-over
	})
	return fd, s
}

func (s *server) play(turns []turn) {
	for i, now := range turns {
		for len(now.say) > 0 {
			n := len(now.say)
			if s.dribbles {
				n = 1
			}
			if _, err := io.WriteString(s.conn, now.say[:n]); err != nil {
				return
			}
			now.say = now.say[n:]
		}
		heard := make([]byte, len(now.hear))
		if n, err := io.ReadFull(s.conn, heard); err != nil {
			return
		} else if string(heard) != now.hear {
			s.t.Errorf("in turn %d the server hears %q, not %q", i, heard[:n], now.hear)
		}
		s.heard <- i
	}
}

// limited is a context with an end that no test should come to.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(context.Background(), answerTime, context.DeadlineExceeded)
	t.Cleanup(cancel)
	return ctx
}
