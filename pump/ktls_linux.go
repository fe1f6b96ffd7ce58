package pump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

// Of linux/tls.h, what x/sys/unix does not have.
const (
	tlsTX              = 1 // options of level SOL_TLS
	tlsRX              = 2
	tlsSetRecordType   = 1 // control messages of level SOL_TLS
	tlsGetRecordType   = 2
	cryptoInfoLen      = 56 // of the longest struct tls12_crypto_info_*
	sequenceLen        = 8  // which each of them ends with
	kernelTLSVersion   = 0x0304
	kernelTLSStatistic = "/proc/net/tls_stat"
)

// kernelCipher gives a suite's number in kernel TLS, and how much of the IV its
// struct calls a salt. A number of 0: there is no such suite in it.
func kernelCipher(suite engine.Cipher) (number uint16, salt int) {
	switch suite {
	case engine.AES128GCM:
		return 51, 4
	case engine.AES256GCM:
		return 52, 4
	case engine.ChaCha20Poly1305:
		return 54, 0
	}
	return 0, 0
}

// KernelTLS tells what the running kernel has, without loading anything into
// it: whether kernel TLS is there, and whether it can go on to another key
// (since Linux 6.14), without which it can't live with every peer. It reads a
// file in /proc.
func KernelTLS() (there, rekeys bool) {
	statistics, err := os.ReadFile(kernelTLSStatistic)
	return err == nil, strings.Contains(string(statistics), "TlsRxRekeyOk")
}

// LacksKernelTLS says that the kernel takes no connection at all, which is told before
// there is one; nil where it may. It has the kernel load what it can.
func LacksKernelTLS() error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(sock)
	if unix.SetsockoptString(sock, unix.SOL_TCP, unix.TCP_ULP, "tls") == unix.ENOENT {
		return errNoKernelTLS // ENOTCONN is what a kernel with it says
	}
	return nil
}

// KernelError says that the kernel does not take a connection. Nothing has
// happened to the connection.
type KernelError struct{ Err error }

func (e *KernelError) Error() string { return "kernel TLS: " + e.Err.Error() }
func (e *KernelError) Unwrap() error { return e.Err }

func noKernelTLS(format string, args ...any) error {
	return &KernelError{fmt.Errorf(format, args...)}
}

// installULP makes a connected TCP socket one that can be given keys; until it
// is, nothing about it changes. Twice does not hurt.
func installULP(sock *stream.FD) error {
	if sock == nil {
		return errNoTCP
	}
	err := unix.SetsockoptString(sock.Number(), unix.SOL_TCP, unix.TCP_ULP, "tls")
	switch {
	case err == nil, err == unix.EEXIST:
		return nil
	case err == unix.ENOENT:
		return errNoKernelTLS
	case err == unix.ENOTCONN:
		return noKernelTLS("the connection is not established, or no longer")
	case err == unix.ENOPROTOOPT || err == unix.EOPNOTSUPP || err == unix.ENOTSOCK || err == unix.EPROTONOSUPPORT:
		return errNoTCP
	}
	return noKernelTLS("TCP_ULP: %w", err)
}

var (
	errNoTCP       error = &KernelError{errors.New("the network is no TCP socket")}
	errNoKernelTLS error = &KernelError{errors.New("this kernel has none, or it is not loaded: modprobe tls")}
)

// hasULP tells whether installULP has been here.
func hasULP(sock *stream.FD) bool {
	if sock == nil {
		return false
	}
	name, err := unix.GetsockoptString(sock.Number(), unix.SOL_TCP, unix.TCP_ULP)
	return err == nil && name == "tls"
}

// installKey gives the kernel the key of one direction, tlsTX or tlsRX. The
// error is unix.EBUSY where the direction has one and the kernel is older than
// 6.14.
func installKey(sock *stream.FD, direction int, key *record.Protection) error {
	info := cryptoInfo(key)
	err := unix.SetsockoptString(sock.Number(), unix.SOL_TLS, direction, unsafe.String(&info[0], len(info)))
	clear(info)
	return err
}

// cryptoInfo is the cipher's struct tls12_crypto_info_*: version, cipher, IV,
// key, salt, and the number of the next record.
func cryptoInfo(p *record.Protection) []byte {
	traffic := p.TrafficKey()
	number, salt := kernelCipher(traffic.Cipher)
	key, iv := p.Key()
	defer clear(key)
	info := make([]byte, 0, cryptoInfoLen)
	info = binary.NativeEndian.AppendUint16(info, kernelTLSVersion)
	info = binary.NativeEndian.AppendUint16(info, number)
	info = append(info, iv[salt:]...)
	info = append(info, key...)
	info = append(info, iv[:salt]...)
	return binary.BigEndian.AppendUint64(info, traffic.Sequence)
}

// kernelSequence asks for the number of the next record to be sent.
func kernelSequence(sock *stream.FD, key *record.Protection) (uint64, error) {
	info := cryptoInfo(key) // for its length, and the cipher that the kernel compares
	defer clear(info)
	length := uint32(len(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(sock.Number()), unix.SOL_TLS, tlsTX,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt", errno)
	}
	return binary.BigEndian.Uint64(info[len(info)-sequenceLen:]), nil
}

// recordType takes a record's type out of the control messages that came with
// it; 0 where there is none.
func recordType(oob []byte) (record.Type, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, err
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_TLS && m.Header.Type == tlsGetRecordType && len(m.Data) > 0 {
			return record.Type(m.Data[0]), nil
		}
	}
	return 0, nil
}

// typeMessage is the control message that gives a record its type.
func typeMessage(t record.Type) []byte {
	oob := make([]byte, unix.CmsgSpace(1))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	header.Level, header.Type = unix.SOL_TLS, tlsSetRecordType
	header.SetLen(unix.CmsgLen(1))
	oob[unix.CmsgLen(0)] = byte(t)
	return oob
}

// kernelError gives an error of a kernel TLS socket its blame. That of reading
// may be a record that the peer should not have sent.
func kernelError(err error) error {
	switch {
	case errors.Is(err, unix.EBADMSG):
		return record.AsFatal(record.ErrMAC)
	case errors.Is(err, unix.EMSGSIZE):
		return record.AsFatal(record.ErrOverflow)
	case errors.Is(err, unix.EINVAL):
		return record.AsFatal(record.ErrForeign)
	}
	return &engine.TransportError{Err: err}
}
