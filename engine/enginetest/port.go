package enginetest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"
)

// FreePort is a port that nobody had a moment ago, and that the kernel gives to
// nobody who does not ask for it: it takes those from 32768 on.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10000 + rand.IntN(10000))
		l, err := net.Listen("tcp", ":"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// AwaitPort waits until somebody listens, who says so only on standard error.
func AwaitPort(t testing.TB, port string) {
	t.Helper()
	for range 200 {
		if conn, err := net.Dial("tcp4", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("nobody listens")
}
