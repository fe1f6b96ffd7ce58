package dial

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// headLimit is the most that is read of a proxy's answer before the tunnel
// begins.
const headLimit = 16 << 10

var (
	errNotHTTP   = errors.New("what it answers is not HTTP/1")
	errMalformed = errors.New("its answer has a malformed header field")
)

// connectHTTP asks for a tunnel with CONNECT: RFC 9110, section 9.3.6, with
// Basic authentication (RFC 7617) unasked where there is a user.
func (p *Proxy) connectHTTP(conn io.ReadWriter, to string) error {
	request := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if p.user != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(p.user + ":" + p.password))
		request += "Proxy-Authorization: Basic " + credentials + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	r := &headReader{from: conn, left: headLimit}
	for {
		h, err := r.head()
		switch {
		case err != nil:
			return err
		case h.status >= 200 && h.status <= 299:
			// What a Content-Length or Transfer-Encoding says is to be ignored.
			return nil
		case h.status == 101 || h.status >= 200:
			return errors.New(p.refusalText(h))
		}
		// An interim response (RFC 9110, section 15.2) is followed by another.
	}
}

// refusalText says what a status means. It quotes nothing of what the proxy
// says, which may be anything, even what we have sent.
func (p *Proxy) refusalText(h *head) string {
	text := fmt.Sprintf("it answers %d", h.status)
	if meaning := statusMeanings()[h.status]; meaning != "" {
		text += " (" + meaning + ")"
	}
	if h.status == 407 {
		switch {
		case !h.basic:
			text += ": it wants a kind of authentication other than Basic"
		case p.user == "":
			text += ": it wants a user and a password"
		default:
			text += ": it does not accept the user and password"
		}
	}
	return text
}

// statusMeanings are the names of the statuses that proxies answer with
// (RFC 9110, section 15), or what they mean, as package net/http is not linked for them.
var statusMeanings = sync.OnceValue(func() map[int]string {
	const elsewhere = "a redirection, as of a network that wants a login first"
	return map[int]string{
		301: elsewhere,
		302: elsewhere,
		303: elsewhere,
		307: elsewhere,
		308: elsewhere,
		400: "bad request",
		401: "unauthorized",
		403: "forbidden",
		404: "not found",
		405: "method not allowed",
		407: "proxy authentication required",
		429: "too many requests",
		500: "internal server error",
		501: "not implemented",
		502: "bad gateway",
		503: "service unavailable",
		504: "gateway timeout",
		511: "network authentication required: it wants a login first", // RFC 6585, section 6
	}
})

// head is what is of interest of a response without its body.
type head struct {
	status int
	basic  bool // a Proxy-Authenticate field asks for Basic
}

// headReader reads the heads of responses, and nothing behind them: that is
// the peer's TLS already. So it reads byte by byte, as it cannot put anything
// back.
type headReader struct {
	from  io.Reader
	left  int
	begun bool
	line  []byte
}

// head reads one head (RFC 9112, section 4).
func (r *headReader) head() (*head, error) {
	if err := r.statusLine(); err != nil {
		return nil, err
	}
	status, err := parseStatus(string(r.line))
	if err != nil {
		return nil, err
	}
	h := &head{status: status}
	for first := true; ; first = false {
		if err := r.next(nil); err != nil {
			return nil, err
		}
		line := string(r.line)
		if line == "" {
			return h, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			if first {
				return nil, errMalformed
			}
			continue // the field before it goes on (RFC 9112, section 5.2)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, notInToken) {
			return nil, errMalformed
		}
		if strings.EqualFold(name, "Proxy-Authenticate") {
			h.basic = h.basic || asksForBasic(value)
		}
	}
}

// statusLine reads the first line, and no more than the first few bytes of
// what is not HTTP: it may never have a line's end.
func (r *headReader) statusLine() error {
	const version = "HTTP/1."
	err := r.next(func(line []byte) error {
		if n := min(len(line), len(version)); string(line[:n]) != version[:n] {
			return errNotHTTP
		}
		return nil
	})
	if err == errMalformed {
		return errNotHTTP
	}
	return err
}

// next reads a line without its end, which may lack the CR (RFC 9112, section
// 2.2). Check, where not nil, sees the line as it grows.
func (r *headReader) next(check func(line []byte) error) error {
	r.line = r.line[:0]
	for {
		var b [1]byte
		if r.left == 0 {
			return fmt.Errorf("its answer has a head of more than %d bytes", headLimit)
		}
		if _, err := io.ReadFull(r.from, b[:]); err != nil {
			return unanswered(err, r.begun)
		}
		r.left--
		r.begun = true
		n := len(r.line)
		switch {
		case b[0] == '\n' && n > 0 && r.line[n-1] == '\r':
			r.line = r.line[:n-1]
			return nil
		case b[0] == '\n':
			return nil
		case n > 0 && r.line[n-1] == '\r', b[0] < ' ' && b[0] != '\t' && b[0] != '\r':
			return errMalformed
		}
		r.line = append(r.line, b[0])
		if check != nil {
			if err := check(r.line); err != nil {
				return err
			}
		}
	}
}

// parseStatus reads HTTP/1.D SP DDD [SP REASON].
func parseStatus(line string) (int, error) {
	rest, ok := strings.CutPrefix(line, "HTTP/1.")
	if !ok || len(rest) < 5 || !isDigit(rest[0]) || rest[1] != ' ' || len(rest) > 5 && rest[5] != ' ' {
		return 0, errNotHTTP
	}
	status := 0
	for i := 2; i < 5; i++ {
		if !isDigit(rest[i]) {
			return 0, errNotHTTP
		}
		status = status*10 + int(rest[i]-'0')
	}
	if status < 100 || status > 599 {
		return 0, errNotHTTP
	}
	return status, nil
}

// asksForBasic looks for the scheme Basic in a list of challenges (RFC 9110,
// section 11.6.1). Where one stands behind another's parameters it begins
// after a comma.
func asksForBasic(value string) bool {
	for challenge := range strings.SplitSeq(value, ",") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(challenge), " ")
		if strings.EqualFold(scheme, "Basic") {
			return true
		}
	}
	return false
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// notInToken is for RFC 9110, section 5.6.2.
func notInToken(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}
