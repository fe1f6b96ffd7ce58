package dial

import (
	"bytes"
	"io"
	"net/url"
	"strings"
	"testing"
)

// counting counts what is read of it, and gives it in small pieces.
type counting struct {
	b []byte
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	if c.n == len(c.b) {
		return 0, io.EOF
	}
	n := copy(p, c.b[c.n:min(len(c.b), c.n+3)])
	c.n += n
	return n, nil
}

// answering is a proxy that says b, whatever it is told.
type answering struct{ counting }

func (a *answering) Write(p []byte) (int, error) { return len(p), nil }

// A head is read to its end and not a byte further, what stands behind it has
// no say, and there is a limit.
func FuzzHTTPReply(f *testing.F) {
	for _, test := range proxyTests {
		if strings.HasPrefix(test.name, "http") && len(test.answers) > 0 && len(test.answers[0]) < 1000 {
			f.Add([]byte(test.answers[0]))
		}
	}
	p := &Proxy{Scheme: "http", Host: "p", Port: 1, user: "jo", password: "s3cret"}
	f.Fuzz(func(t *testing.T, reply []byte) {
		a := &answering{counting{b: reply}}
		err := p.connectHTTP(a, "peer.test:443")
		if a.n > headLimit {
			t.Errorf("%d bytes were read", a.n)
		}
		if err != nil {
			if text := err.Error(); len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", text)
			}
			return
		}
		head := reply[:a.n]
		if !bytes.HasPrefix(head, []byte("HTTP/1.")) || !bytes.HasSuffix(head, []byte("\n\n")) && !bytes.HasSuffix(head, []byte("\n\r\n")) {
			t.Errorf("it was content with %q", head)
		}
		for _, behind := range []string{"", "\x16\x03\x03", "\r\n\r\n", "HTTP/1.1 407 x\r\n\r\n"} {
			b := &answering{counting{b: append(bytes.Clone(head), behind...)}}
			if err := p.connectHTTP(b, "peer.test:443"); err != nil || b.n != len(head) {
				t.Errorf("with %q behind it: %v, and %d bytes read, not %d", behind, err, b.n, len(head))
			}
		}
	})
}

// The same for SOCKS5, in which the reply is of one length only.
func FuzzSOCKSReply(f *testing.F) {
	for _, test := range proxyTests {
		if strings.HasPrefix(test.name, "socks") {
			f.Add([]byte(strings.Join(test.answers, "")))
		}
	}
	p := &Proxy{Scheme: "socks5h", Host: "p", Port: 1, user: "jo", password: "s3cret"}
	f.Fuzz(func(t *testing.T, reply []byte) {
		a := &answering{counting{b: reply}}
		err := p.connectSOCKS(a, "peer.test:443")
		if err != nil {
			if text := err.Error(); len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", text)
			}
			return
		}
		read := reply[:a.n]
		if read[0] != 5 || a.n > 2+2+4+1+255+2 {
			t.Errorf("it was content with %q", read)
		}
		if err := p.connectSOCKS(&answering{counting{b: read[:len(read)-1]}}, "peer.test:443"); err == nil {
			t.Error("it is content with a byte less")
		}
		b := &answering{counting{b: append(bytes.Clone(read), "\x16\x03\x03"...)}}
		if err := p.connectSOCKS(b, "peer.test:443"); err != nil || b.n != len(read) {
			t.Errorf("with more behind it: %v, and %d bytes read, not %d", err, b.n, len(read))
		}
	})
}

// What is understood, written again, is understood as the same, and an error
// quotes nothing.
func FuzzParseProxy(f *testing.F) {
	for _, text := range []string{
		"http://proxy.test:3128", "https://jo:s3cret@192.0.2.1:443/", "socks5://[2001:db8::1]:1080",
		"socks5h://j%6f:%2f%40:@[fe80::1%25eth0]:1", "http://jo:a@b@c:1", "http://p.test:65536", "ftp://x:1", "http://a/b", "http://[::1", "http://%zz@a:1",
	} {
		f.Add(text, "s3cret")
	}
	f.Fuzz(func(t *testing.T, text, password string) {
		p, err := ParseProxy(text, false)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the error is %q", err)
			}
			return
		}
		if _, err := ParseProxy(text, true); err == nil && p.password != "" {
			t.Error("the password is accepted where others can read it")
		}
		if p.SetPassword(password) != nil {
			password = p.password
		}
		again := strings.Replace(p.String(), "://", "://"+url.PathEscape(p.user)+":"+strings.ReplaceAll(url.PathEscape(password), "@", "%40")+"@", 1)
		again = strings.Replace(again, "://:@", "://", 1)
		q, err := ParseProxy(again, false)
		if err != nil || *q != *p {
			t.Errorf("%q is written %q, and then it is %v", text, again, err)
		}
		if _, _, err := split(p.address()); err != nil {
			t.Error(err)
		}
	})
}
