package dial

import (
	"encoding/base64"
	"strings"
)

const (
	yes      = "HTTP/1.1 200 Connection established\r\n\r\n"
	socksYes = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
)

func basic() string {
	return base64.StdEncoding.EncodeToString([]byte(testUser + ":" + testPassword))
}

// proxyTests are what proxies do, and what comes of it.
var proxyTests = []struct {
	name    string
	scheme  string
	user    bool
	target  string
	answers []string
	told    []string // what the proxy must have been told, where not nil
	fails   string   // the error behind `proxy URL: `; empty: it works
}{
	// HTTP that works.
	{name: "http", scheme: "http", target: "peer.test:443", answers: []string{yes},
		told: []string{"CONNECT peer.test:443 HTTP/1.1\r\nHost: peer.test:443\r\n\r\n"}},
	{name: "http-ipv6", scheme: "http", target: "[2001:db8::1]:443", answers: []string{yes},
		told: []string{"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"}},
	{name: "http-user", scheme: "http", user: true, target: "peer.test:443", answers: []string{yes},
		told: []string{"CONNECT peer.test:443 HTTP/1.1\r\nHost: peer.test:443\r\nProxy-Authorization: Basic " + basic() + "\r\n\r\n"}},
	{name: "http-1.0", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.0 200\r\n\r\n"}},
	{name: "http-202", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 202 Accepted\r\nVia: 1.1 p\r\n\r\n"}},
	{name: "http-no-cr", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\nX: y\n\n"}},
	{name: "http-interim", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\n" + yes}},
	{name: "http-length-ignored", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"}},
	{name: "http-folded", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\r\nX: y\r\n  folded\r\n\r\n"}},
	{name: "http-folded-tab", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\r\nX: y\r\n\tfolded\r\n\r\n"}},

	// HTTP that does not.
	{name: "http-407", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nno!"},
		fails:   "it answers 407 (proxy authentication required): it wants a user and a password"},
	{name: "http-407-user", scheme: "http", user: true, target: "peer.test:443",
		answers: []string{"HTTP/1.1 407 Not you, " + testUser + " with " + testPassword + "\r\nProxy-Authenticate: Negotiate, Digest realm=\"x\", BASIC realm=\"x\"\r\nX-You-Said: " + basic() + "\r\n\r\n"},
		fails:   "it answers 407 (proxy authentication required): it does not accept the user and password"},
	{name: "http-407-other", scheme: "http", user: true, target: "peer.test:443",
		answers: []string{"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Digest realm=\"Basic\"\r\n\r\n"},
		fails:   "it answers 407 (proxy authentication required): it wants a kind of authentication other than Basic"},
	{name: "http-407-basic-first", scheme: "http", user: true, target: "peer.test:443",
		answers: []string{"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Negotiate\r\n\r\n"},
		fails:   "it answers 407 (proxy authentication required): it does not accept the user and password"},
	{name: "http-escape", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 502 \x1b[31mBad\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-502", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 502 Bad Gateway\r\n\r\n"}, fails: "it answers 502 (bad gateway)"},
	{name: "http-302", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n"}, fails: "it answers 302 (a redirection, as of a network that wants a login first)"},
	{name: "http-511", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 511 Network Authentication Required\r\n\r\n"}, fails: "it answers 511 (network authentication required: it wants a login first)"},
	{name: "http-101", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 101 Switching\r\n\r\n"}, fails: "it answers 101"},
	{name: "http-garbage", scheme: "http", target: "peer.test:443",
		answers: []string{strings.Repeat("\x00garbage", 10000)}, fails: "what it answers is not HTTP/1"},
	{name: "http-ssh", scheme: "http", target: "peer.test:443",
		answers: []string{"SSH-2.0-x\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-ssh-no-end", scheme: "http", target: "peer.test:443",
		answers: []string{"SSH-2.0-xSILENCE"}, fails: "what it answers is not HTTP/1"},
	{name: "http-tls-alert", scheme: "http", target: "peer.test:443",
		answers: []string{"\x15\x03\x01\x00\x02\x02\x16"}, fails: "what it answers is not HTTP/1"},
	{name: "http-2", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/2 200\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-status-999", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 999 x\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-status-2000", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 2000\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-status-slash", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 20/ OK\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-status-colon", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 1:0 OK\r\n\r\n"}, fails: "what it answers is not HTTP/1"},
	{name: "http-endless-line", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 " + strings.Repeat("x", headLimit)}, fails: "its answer has a head of more than 16384 bytes"},
	{name: "http-endless-head", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", headLimit/6)}, fails: "its answer has a head of more than 16384 bytes"},
	{name: "http-endless-interim", scheme: "http", target: "peer.test:443",
		answers: []string{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", headLimit/20)}, fails: "its answer has a head of more than 16384 bytes"},
	{name: "http-no-colon", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-no-name", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\n: y\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-space-in-name", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\nX : y\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-space-first", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\n X: y\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-nul", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-bare-cr", scheme: "http", target: "peer.test:443",
		answers: []string{"HTTP/1.1 200 OK\r\nX: y\rZ: z\r\n\r\n"}, fails: "its answer has a malformed header field"},
	{name: "http-nothing", scheme: "http", target: "peer.test:443", answers: []string{"CLOSE"}, fails: "it closed the connection without an answer"},
	{name: "http-half", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\r\nXCLOSE"}, fails: "it closed the connection in the middle of its answer"},
	{name: "http-half-silence", scheme: "http", target: "peer.test:443", answers: []string{"HTTP/1.1 200 OK\r\nXSILENCE"}, fails: "no answer: too late"},
	{name: "http-reset", scheme: "http", target: "peer.test:443", answers: []string{"RESET"}, fails: "connection reset by peer"},
	{name: "http-silence", scheme: "http", target: "peer.test:443", answers: []string{"SILENCE"}, fails: "no answer: too late"},
	{name: "http-drip", scheme: "http", target: "peer.test:443", answers: []string{"DRIP"}, fails: "no answer: too late"},
	{name: "http-zone", scheme: "http", target: "[fe80::1%lo]:443", fails: "an address with a zone means nothing to a proxy"},
	{name: "http-injection", scheme: "http", target: "a\r\nX:443", fails: "the name to connect to is none that a proxy can be asked for"},

	// SOCKS that works.
	{name: "socks5h", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x01\x00", "\x05\x01\x00\x03\x09peer.test\x01\xbb"}},
	{name: "socks5", scheme: "socks5", target: "six.test:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x01\x00", "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb"}},
	{name: "socks5-literal", scheme: "socks5", target: "192.0.2.1:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x01\x00", "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"}},
	{name: "socks5h-literal", scheme: "socks5h", target: "192.0.2.1:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x01\x00", "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"}},
	{name: "socks5h-mapped", scheme: "socks5h", target: "[::ffff:192.0.2.1]:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x01\x00", "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"}},
	{name: "socks-user", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x02", "\x01\x00", socksYes},
		told: []string{"\x05\x02\x00\x02", "\x01\x08jo smith\x0bs3cret:p@ss", "\x05\x01\x00\x03\x09peer.test\x01\xbb"}},
	{name: "socks-user-not-wanted", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x00", socksYes},
		told: []string{"\x05\x02\x00\x02", "\x05\x01\x00\x03\x09peer.test\x01\xbb"}},
	{name: "socks-bound-ipv6", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x00\x00\x04" + strings.Repeat("6", 18)}},
	{name: "socks-bound-name", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x00\x00\x03\xff" + strings.Repeat("n", 257)}},
	{name: "socks-bound-empty", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x00\x00\x03\x00pp"}},

	// SOCKS that does not.
	{name: "socks-refused", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\xff"},
		fails: "it wants authentication, and no user is given"},
	{name: "socks-refused-user", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\xff"},
		fails: "it wants a kind of authentication other than by user and password"},
	{name: "socks-not-offered", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x02"},
		fails: "it chose a way of authentication that was not offered"},
	{name: "socks-gssapi", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x01"},
		fails: "it chose a way of authentication that was not offered"},
	{name: "socks-password", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x02", "\x01\x01"},
		fails: "it does not accept the user and password"},
	{name: "socks-password-nothing", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x02", "CLOSE"},
		fails: "it closed the connection without an answer"},
	{name: "socks-unreachable", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"},
		fails: "it answers 4 (the host is unreachable)"},
	{name: "socks-short-refusal", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x02"},
		fails: "it answers 2 (its rules do not allow it)"},
	{name: "socks-odd-refusal", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x63"},
		fails: "it answers 99 (no reply that RFC 1928 knows)"},
	{name: "socks-4", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x00\x5a"}, fails: "what it answers is not SOCKS5"},
	{name: "socks-http", scheme: "socks5h", target: "peer.test:443", answers: []string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, fails: "what it answers is not SOCKS5"},
	{name: "socks-reply-garbage", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "garbage"}, fails: "what it answers to the request is not SOCKS5"},
	{name: "socks-address-type", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x00\x00\x02\x00"}, fails: "its reply has an address of no known type"},
	{name: "socks-nothing", scheme: "socks5h", target: "peer.test:443", answers: []string{"CLOSE"}, fails: "it closed the connection without an answer"},
	{name: "socks-no-reply", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "CLOSE"}, fails: "it closed the connection without an answer"},
	{name: "socks-silence", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "SILENCE"}, fails: "no answer: too late"},
	{name: "socks-half-method", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05CLOSE"}, fails: "it closed the connection in the middle of its answer"},
	{name: "socks-half-verdict", scheme: "socks5h", user: true, target: "peer.test:443", answers: []string{"\x05\x02", "\x01CLOSE"}, fails: "it closed the connection in the middle of its answer"},
	{name: "socks-half-reply", scheme: "socks5h", target: "peer.test:443", answers: []string{"\x05\x00", "\x05\x00\x00\x01\x00\x00CLOSE"}, fails: "it closed the connection in the middle of its answer"},
	{name: "socks-reset", scheme: "socks5h", target: "peer.test:443", answers: []string{"RESET"}, fails: "connection reset by peer"},
	{name: "socks-name", scheme: "socks5h", target: "a/b.test:443", fails: "the name to connect to is none that a proxy can be asked for"},
}
