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
	for notFound, want := range map[bool]string{true: "there is no host a.test", false: "cannot look up a.test"} {
		err := &net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Name: "a.test", IsNotFound: notFound}}
		if NetText(err) != want {
			t.Errorf("%v: %s", err, NetText(err))
		}
	}
	if err := context.Canceled; NetText(err) != err.Error() {
		t.Error(NetText(err))
	}
}
