package main

import "golang.org/x/sys/unix"

const (
	ioctlUnread = unix.TIOCINQ
	pollHungUp  = unix.POLLRDHUP
)

// takesTLS tells whether the kernel can do TLS on a connection.
func takesTLS(raw int) bool {
	return unix.SetsockoptString(raw, unix.IPPROTO_TCP, unix.TCP_ULP, "tls") == nil
}

// sentInSYN tells whether the peer's first bytes came with its SYN.
func sentInSYN(raw int) bool {
	const synData = 32 // TCPI_OPT_SYN_DATA
	info, err := unix.GetsockoptTCPInfo(raw, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Options&synData != 0
}
