#!/usr/bin/env bash
# Software, as routers by the name in the ClientHello: sslh 1.20 (Debian 12's sslh 1.20-1+deb12u1),
# beside nginx 1.22.1 (nginx and libnginx-mod-stream 1.22.1-9+deb12u11; all need apt-get, dpkg and
# the libraries of others that these want); and as the client Node.js 26.10.0 with OpenSSL 3.5.8
# (npm's package node; needs npm).
#
# Behaviour: a ClientHello may be in several records (RFC 8446, section 5.1; RFC 5246, section
# 6.2.1). sslh with sni_hostnames reads the first of them alone, and though the name is in that,
# takes the whole for no TLS: the connection goes where unknown ones go, or nowhere. nginx
# (ssl_preread) reads on, and so do servers. Who splits it is a client that was told to make small
# records, as by Node's setMaxSendFragment, and it does not show when that is set: a ClientHello of
# half a kilobyte fits into a record of 1024, and with the post-quantum key share that OpenSSL has
# by default since 3.5 it does not. So the same program fails behind sslh after an update of its
# library, and neither its own server nor sslh says why.
#
# Output seen on 2026-11-30:
#   ClientHello with X25519 in records of 1024, X25519MLKEM768, X25519MLKEM768 in records of 1024: sslh 1.20 good, good, lost; nginx 1.22.1 good, good, good; no router good, good, good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q sslh=1.20-1+deb12u1 {nginx,libnginx-mod-stream}=1.22.1-9+deb12u11 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
npm install --silent --no-audit --no-fund --prefix npm node@26.10.0 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >visit.js <<'END'
const [port, group, fragment] = process.argv.slice(2);
const c = require('tls').connect({ port, host: '127.0.0.1', servername: 'localhost', ca: require('fs').readFileSync('cert.pem'), ecdhCurve: group },
	() => end('good'));
const end = (what) => { console.log(what); process.exit(); };
if (fragment !== '0') c.setMaxSendFragment(Number(fragment));
c.on('error', () => end('lost'));
c.on('end', () => end('lost'));
END
cat >main.py <<'END'
import os, socket, subprocess, sys, time

here = os.getcwd()
root = here + "/debian/"

def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]

def start(command, at):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", at)).close()
            return process
        except ConnectionRefusedError:
            time.sleep(0.1)
    sys.exit(f"{command[0]} does not listen")

server, sslh, nginx = (port() for _ in range(3))
files = {"sslh.cfg": f"""
foreground: true;
timeout: 3;
listen: ( {{ host: "127.0.0.1"; port: "{sslh}"; }} );
protocols: (
    {{ name: "tls"; host: "127.0.0.1"; port: "{server}"; sni_hostnames: [ "localhost" ]; }},
    {{ name: "anyprot"; host: "127.0.0.1"; port: "1"; }}
);
""", "nginx.conf": f"""
load_module {root}usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {here}/pid;
error_log {here}/log;
events {{ }}
stream {{
    map $ssl_preread_server_name $to {{ localhost 127.0.0.1:{server}; }}
    server {{
        listen 127.0.0.1:{nginx};
        ssl_preread on;
        proxy_pass $to;
    }}
}}
"""}
for name, text in files.items():
    with open(name, "w") as out:
        out.write(text)

# the first two are ClientHellos in one record
visits = {"X25519 in records of 1024": ("X25519", "1024"), "X25519MLKEM768": ("X25519MLKEM768:X25519", "0"),
          "X25519MLKEM768 in records of 1024": ("X25519MLKEM768:X25519", "1024")}
ways = {"sslh 1.20": sslh, "nginx 1.22.1": nginx, "no router": server}
started = []
try:
    started.append(start(["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{server}", "-cert", "cert.pem", "-key", "key.pem"], server))
    started.append(start([root + "usr/sbin/sslh-select", "-F" + here + "/sslh.cfg"], sslh))
    started.append(start([root + "usr/sbin/nginx", "-c", here + "/nginx.conf"], nginx))
    seen = {way: [subprocess.run(["npm/node_modules/node/bin/node", "visit.js", str(at), *visit], stdout=subprocess.PIPE, text=True,
                                 timeout=30).stdout.strip() for visit in visits.values()] for way, at in ways.items()}
finally:
    for process in started:
        process.terminate()
        process.wait()
print("ClientHello with " + ", ".join(visits) + ": " + "; ".join(f"{way} {', '.join(row)}" for way, row in seen.items()))
good = ["good"] * 3
sys.exit(list(seen.values()) != [["good", "good", "lost"], good, good])
END
timeout 120 python3 main.py
