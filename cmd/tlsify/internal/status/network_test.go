package status

import (
	"context"
	"net"
	"testing"
)

// What cannot be listened at was told of as package net has it: listen tcp, bind.
func TestNetText(t *testing.T) {
	_, err := net.Listen("tcp", "192.0.2.1:1")
	if err == nil || NetText(err) != "192.0.2.1:1: cannot assign requested address" {
		t.Errorf("%v: %s", err, NetText(err))
	}
	missing := t.TempDir() + "/missing/socket"
	_, err = net.Listen("unix", missing)
	if err == nil || NetText(err) != missing+": no such file or directory" {
		t.Errorf("%v: %s", err, NetText(err))
	}
	if NetReason(err) != "no such file or directory" {
		t.Errorf("%v: %s", err, NetReason(err))
	}
	for want, dns := range map[string]net.DNSError{
		"there is no host a.test":                              {IsNotFound: true},
		"cannot look up a.test: server misbehaving":            {Err: "server misbehaving", IsTemporary: true},
		"cannot look up a.test: connection refused":            {Err: "read udp 127.0.0.1:2->127.0.0.1:53: read: connection refused"},
		"cannot look up a.test: the DNS servers do not answer": {Err: "read udp 127.0.0.1:2->127.0.0.1:53: i/o timeout", IsTimeout: true},
	} {
		dns.Name = "a.test"
		err := &net.OpError{Op: "listen", Net: "tcp", Err: &dns}
		if NetText(err) != want {
			t.Errorf("%v: %s", err, NetText(err))
		}
	}
	if err := context.Canceled; NetText(err) != err.Error() {
		t.Error(NetText(err))
	}
}
