#!/usr/bin/env bash
# Software: tcl-tls 1.7.22 (Debian 12's tcl-tls 1.7.22-3+b1, with its tcl8.6 and OpenSSL
# 3.0; needs apt-get, dpkg and tclsh8.6), as client and as server, and any peer that looks
# at how the stream ends, here Python's ssl.
#
# Behaviour: a channel of Tcl's tls::socket sends no close_notify when it is closed. What
# comes is the end of the TCP connection alone, as client and as server, with TLS 1.2 as
# with TLS 1.3. So no reader can tell the whole of what a Tcl program sent
# from a part of it: each gets the error for a stream that was cut off, where it does not
# overlook that. The package's documentation says nothing of it, and has no option for it.
#
# Output seen on 2026-11-29:
#   tcl-tls 1.7.22, ends without close_notify: client TLSv1.2 yes, client TLSv1.3 yes, server TLSv1.2 yes, server TLSv1.3 yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q tcl-tls=1.7.22-3+b1 >/dev/null
dpkg -x tcl-tls_*.deb tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >client.tcl <<'END'
package require tls 1.7.22
set s [tls::socket -cafile cert.pem -servername localhost 127.0.0.1 [lindex $argv 0]]
fconfigure $s -translation binary
puts -nonewline $s whole
flush $s
read $s 2
close $s
END
cat >server.tcl <<'END'
package require tls 1.7.22
proc visit {s host port} {
	fconfigure $s -translation binary
	read $s 5
	puts -nonewline $s ok
	close $s
}
set listening [tls::socket -server visit -certfile cert.pem -keyfile key.pem -myaddr 127.0.0.1 0]
puts [lindex [fconfigure $listening -sockname] 2]
flush stdout
vwait forever
END
cat >main.py <<'END'
import glob, os, socket, ssl, subprocess, sys

def cut_off(t):
    "Reads to the end, and tells whether close_notify was missing there."
    try:
        while t.recv(100):
            pass
    except ssl.SSLEOFError:
        return True
    return False

def of_client(version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    context.minimum_version = context.maximum_version = version
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        client = subprocess.Popen(["tclsh8.6", "client.tcl", str(listening.getsockname()[1])])
        raw, _ = listening.accept()
        raw.settimeout(20)
        with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as t:
            assert t.recv(5) == b"whole"
            t.sendall(b"ok")
            result = cut_off(t)
    assert client.wait(20) == 0
    return result

def of_server(version):
    server = subprocess.Popen(["tclsh8.6", "server.tcl"], stdout=subprocess.PIPE)
    try:
        port = int(server.stdout.readline())
        context = ssl.create_default_context(cafile="cert.pem")
        context.minimum_version = context.maximum_version = version
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        with context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as t:
            t.sendall(b"whole")
            assert t.recv(2) == b"ok"
            return cut_off(t)
    finally:
        server.kill()
        server.wait()

os.environ["TCLLIBPATH"] = glob.glob(os.path.abspath("tls/usr/lib/tcltk/*"))[0]
versions = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
seen = {f"{role.__name__[3:]} {name}": role(v) for role in (of_client, of_server) for name, v in versions.items()}
print("tcl-tls 1.7.22, ends without close_notify: " + ", ".join(f"{k} {'yes' if v else 'no'}" for k, v in seen.items()))
sys.exit(not all(seen.values()))
END
timeout 120 python3 main.py
