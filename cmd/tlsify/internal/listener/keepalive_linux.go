package listener

import "golang.org/x/sys/unix"

// A client that vanishes without a word is asked after each askAfter seconds of
// silence, and is gone when it has not answered unanswered times. These are what Go's
// own package net has, and so what the sockets have that a client of ours dials.
const (
	askAfter   = 15
	unanswered = 9
)

// noticeVanished has the kernel notice clients that vanish on the connections of a TCP
// socket that listens: they are as it is. Their PROG cannot: its socket is no network's.
func noticeVanished(socket int) {
	unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, askAfter)
	unix.SetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, askAfter)
	unix.SetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, unanswered)
}
