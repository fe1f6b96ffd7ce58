package main

import "golang.org/x/sys/unix"

const pollHungUp = unix.POLLRDHUP

func countUnread(raw int) (int, error) {
	const fionread = 0x4004667f // of sys/filio.h
	return unix.IoctlGetInt(raw, fionread)
}

// tlsify does without kernel TLS here, and without fast open.

func takesTLS(int) bool { return false }

func sentInSYN(int) bool { return false }
