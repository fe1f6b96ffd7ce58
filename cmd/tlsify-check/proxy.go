package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
)

// httpProxy is a proxy for CONNECT. It notes where it was to connect to, and
// the Proxy-Authorization.
func httpProxy(asked chan<- string) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		request, err := http.ReadRequest(in)
		if err != nil || request.Method != http.MethodConnect {
			return
		}
		asked <- request.Host + " " + request.Header.Get("Proxy-Authorization")
		relay(conn, in, request.Host, "HTTP/1.1 200 OK\r\n\r\n")
	}
}

// socksProxy is a SOCKS5 proxy (RFC 1928) that leads to one server, whatever it
// is asked for, and wants a user and password (RFC 1929) where credentials is
// not empty. It notes where it was to connect to, and these.
func socksProxy(to, credentials string, asked chan<- string) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		take := func(n byte) []byte {
			b := make([]byte, n)
			io.ReadFull(in, b)
			return b
		}
		method := byte(0)
		if credentials != "" {
			method = 2
		}
		if head := take(2); head[0] != 5 {
			return
		} else if offered := take(head[1]); !slices.Contains(offered, method) {
			conn.Write([]byte{5, 0xff})
			return
		}
		conn.Write([]byte{5, method})
		given := ""
		if method == 2 {
			given = string(take(take(2)[1])) + " " + string(take(take(1)[0]))
			if given != credentials {
				conn.Write([]byte{1, 1})
				return
			}
			conn.Write([]byte{1, 0})
		}
		head, where := take(4), ""
		switch head[3] {
		case 1, 4:
			addr, _ := netip.AddrFromSlice(take(4 * head[3]))
			where = addr.String()
		case 3:
			where = string(take(take(1)[0]))
		}
		port := take(2)
		asked <- net.JoinHostPort(where, strconv.Itoa(int(port[0])<<8|int(port[1]))) + " " + given
		relay(conn, in, to, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
	}
}

// relay connects to a server, says so, and carries the stream.
func relay(conn net.Conn, in io.Reader, to, answer string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	io.WriteString(conn, answer)
	go func() {
		io.Copy(server, in)
		server.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, server)
}
