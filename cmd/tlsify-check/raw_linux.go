package main

import "golang.org/x/sys/unix"

const (
	ioctlUnread = unix.TIOCINQ
	pollHungUp  = unix.POLLRDHUP
)
