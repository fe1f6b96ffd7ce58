package listener

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A client of OpenSSL 3.0 whose groups are none of TLS 1.3 begins with an alert, and
// the listener's line had it that this is no TLS, where accept tells of the alert.
func TestWhatCameFirst(t *testing.T) {
	const notTLS = "the peer does not speak TLS, or sent a malformed record (tls-protocol)"
	for name, test := range map[string]struct{ first, says string }{
		"alert":        {"\x15\x03\x01\x00\x02\x02\x50", "the peer ended the connection with alert internal_error (tls-alert)"},
		"close_notify": {"\x15\x03\x03\x00\x02\x01\x00", "the peer ended the connection with alert close_notify (tls-alert)"},
		"part":         {"\x15\x03\x01\x00\x02\x02", ""},
		"type":         {"\x15", ""},
		"long alert":   {"\x15\x03\x03\x00\x13\x02\x50", notTLS},
		"old alert":    {"\x15\x02\x00\x00\x02\x02\x50", notTLS},
		"hello":        {"\x16\x03\x01\x02\x00\x01\x00", ""},
		"small record": {"\x16\x03\x01\x00\x01\x01", "whole"},
		"data":         {"\x17\x03\x03\x00\x02ab", notTLS},
		"SSL 2":        {"\x16\x02\x00\x00\x01\x01", notTLS},
		"other hello":  {"\x16\x03\x03\x00\x04\x02", notTLS},
		"empty record": {"\x16\x03\x03\x00\x00", notTLS},
		"large record": {"\x16\x03\x03\x40\x00\x01", ""},
		"larger":       {"\x16\x03\x03\x40\x01", notTLS},
		"longer alert": {"\x15\x03\x03\x01\x02", notTLS},
		"nothing":      {"", ""},
		"end":          {"FIN", "the client left before its first message was complete"},
		"part and end": {"\x16\x03\x01\x02FIN", "the client left before its first message was complete"},
		"body and end": {"\x16\x03\x01\x02\x00\x01\x00FIN", "the client left before its first message was complete"},
		"all and end":  {"\x16\x03\x01\x00\x01\x01FIN", "whole"},
		"HTTP":         {"GET / HTTP/1.1\r\n", "the peer sent an HTTP request without TLS (tls-protocol)"},
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		first, ends := strings.CutSuffix(test.first, "FIN")
		unix.Write(pair[0], []byte(first))
		if ends {
			unix.Shutdown(pair[0], unix.SHUT_WR)
		}
		says := ""
		if whole, err := peekHello(pair[1]); err != nil {
			says = err.Error()
		} else if whole {
			says = "whole"
		}
		if says != test.says {
			t.Errorf("%s: got %q, want %q", name, says, test.says)
		}
		unix.Close(pair[0])
		unix.Close(pair[1])
	}
}

// Refusals are counted by their CODE, those of the system together, and others by what
// is said of them.
func TestKindOf(t *testing.T) {
	for want, why := range map[string]error{
		"tls-protocol":                unservedError{"no TLS", "tls-protocol"},
		"system":                      errors.Join(&os.PathError{Op: "read", Path: "connection", Err: unix.EIO}, io.EOF),
		errLeftEarly.Error():          errLeftEarly,
		"--max-handshakes is reached": limitError("--max-handshakes"),
	} {
		if got := kindOf(why); got != want {
			t.Errorf("%v: %q, want %q", why, got, want)
		}
	}
}
