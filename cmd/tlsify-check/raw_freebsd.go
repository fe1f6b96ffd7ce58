package main

import "golang.org/x/sys/unix"

const (
	ioctlUnread = 0x4004667f // FIONREAD of sys/filio.h
	pollHungUp  = unix.POLLRDHUP
)

// tlsify does without kernel TLS here, and without fast open.

func takesTLS(int) bool { return false }

func sentInSYN(int) bool { return false }
