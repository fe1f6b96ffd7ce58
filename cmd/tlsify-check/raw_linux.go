package main

import "golang.org/x/sys/unix"

const pollHungUp = unix.POLLRDHUP

// countUnread is C's int, which unix.IoctlGetInt misreads on big-endian processors.
func countUnread(raw int) (int, error) {
	n, err := unix.IoctlGetUint32(raw, unix.TIOCINQ)
	return int(n), err
}

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
