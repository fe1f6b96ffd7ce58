package listener

import (
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
		"HTTP":         {"GET / HTTP/1.1\r\n", "the peer sent an HTTP request without TLS (tls-protocol)"},
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Write(pair[0], []byte(test.first))
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
