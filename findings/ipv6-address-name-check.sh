#!/usr/bin/env bash
# Software: PHP 8.2.36 (Debian 12's php8.2-cli and php8.2-common, 8.2.36-1~deb12u1), HTTP::Tiny
# 0.082 with IO::Socket::SSL 2.081 (libhttp-tiny-perl 0.082-2, libio-socket-ssl-perl 2.081-2 and
# libnet-ssleay-perl 1.92-2+b1; need Debian 12's perl), and, beside them, LWP 6.68 (libwww-perl
# 6.68-1 with liblwp-protocol-https-perl 6.10-1) and curl 7.88.1 (curl and libcurl4
# 7.88.1-10+deb12u15). All need apt-get, dpkg and the libraries of others that they want. Needs IPv6
# on the loopback.
#
# Behaviour: file_get_contents('https://[::1]/'), and the same with HTTP::Tiny, by which CPAN's
# clients fetch, never get a page from an IPv6 address, whatever the certificate. In a URL such an
# address has brackets (RFC 3986, section 3.2.2), and both look for it with its brackets in the
# certificate, where no address has any (RFC 5280, section 4.2.1.6). PHP says "Failed to enable
# crypto" and nothing of a name; HTTP::Tiny also asks for [::1] in server_name. From 127.0.0.1 both
# get their page, and so do curl and LWP from either. With the address given once more, without
# brackets, as peer_name and as SSL_verifycn_name, both check it and are content.
#
# Output seen on 2026-11-30:
#   from 127.0.0.1, [::1], [::1] with the name ::1, with the name ::2: PHP 8.2.36 page, no page, page, no page; HTTP::Tiny 0.082 page, no page, page, no page; curl 7.88.1 page, page; LWP 6.68 page, page
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q {php8.2-cli,php8.2-common}=8.2.36-1~deb12u1 {curl,libcurl4}=7.88.1-10+deb12u15 \
	libhttp-tiny-perl=0.082-2 libio-socket-ssl-perl=2.081-2 libnet-ssleay-perl=1.92-2+b1 \
	libwww-perl=6.68-1 liblwp-protocol-https-perl=6.10-1 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,IP:::1 2>/dev/null
cat >get.php <<'END'
<?php
$tls = ["cafile" => "cert.pem"] + (isset($argv[2]) ? ["peer_name" => $argv[2]] : []);
echo file_get_contents($argv[1], false, stream_context_create(["ssl" => $tls]));
END
cat >tiny.pl <<'END'
use HTTP::Tiny;
my %tls = (SSL_ca_file => "cert.pem", @ARGV > 1 ? (SSL_verifycn_name => $ARGV[1]) : ());
print HTTP::Tiny->new(verify_SSL => 1, SSL_options => \%tls)->get($ARGV[0])->{content};
END
cat >lwp.pl <<'END'
use LWP::UserAgent;
print LWP::UserAgent->new(ssl_opts => { SSL_ca_file => "cert.pem", verify_hostname => 1 })->get($ARGV[0])->content;
END
cat >main.py <<'END'
import glob, os, socket, ssl, subprocess, threading

libraries = glob.glob("debian/usr/lib/*-linux-gnu")[0]
perl5 = [os.path.abspath(folder) for folder in ("debian/usr/share/perl5", glob.glob(libraries + "/perl5/5.*")[0])]
environment = dict(os.environ, LD_LIBRARY_PATH=os.path.abspath(libraries), PERL5LIB=":".join(perl5))
CLIENTS = {
    "PHP 8.2.36": ["debian/usr/bin/php8.2", "get.php"],
    "HTTP::Tiny 0.082": ["perl", "tiny.pl"],
    "curl 7.88.1": ["debian/usr/bin/curl", "--silent", "--cacert", "cert.pem", "--noproxy", "*"],
    "LWP 6.68": ["perl", "lwp.pl"],
}
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
port = listener.getsockname()[1]

def serve():
    while True:
        try:
            raw, _ = listener.accept()
            raw.settimeout(10)
            with context.wrap_socket(raw, server_side=True) as visitor:
                visitor.recv(65536)
                visitor.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npage")
                visitor.unwrap()
        except OSError:
            pass

threading.Thread(target=serve, daemon=True).start()

def get(client, host, *name):
    done = subprocess.run([*CLIENTS[client], f"https://{host}:{port}/", *name], env=environment, text=True, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return "page" if done.stdout == "page" else "no page"

seen = {client: [get(client, "127.0.0.1"), get(client, "[::1]")] for client in CLIENTS}
for client in ("PHP 8.2.36", "HTTP::Tiny 0.082"):
    seen[client] += [get(client, "[::1]", "::1"), get(client, "[::1]", "::2")]
print("from 127.0.0.1, [::1], [::1] with the name ::1, with the name ::2: " + "; ".join(c + " " + ", ".join(s) for c, s in seen.items()))
assert seen["curl 7.88.1"] == seen["LWP 6.68"] == ["page", "page"]
assert seen["PHP 8.2.36"] == seen["HTTP::Tiny 0.082"] == ["page", "no page", "page", "no page"]
END
timeout 200 python3 main.py
