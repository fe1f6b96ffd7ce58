#!/usr/bin/env bash
# Software, as clients behind an HTTP proxy: Python 3.11.2 (Debian 12's python3.11-minimal,
# libpython3.11-minimal and libpython3.11-stdlib, 3.11.2-6+deb12u9), net/http of Ruby 3.1 (ruby3.1
# and libruby3.1 3.1.7+really3.1.2-0+deb12u1), GNU Wget 1.21.3 (wget 1.21.3-1+deb12u1), httpc of
# Erlang/OTP 25 (erlang-inets and -ssl 1:25.2.3+dfsg-1+deb12u4) and curl 7.88.1 (curl and libcurl4
# 7.88.1-10+deb12u15); and as proxies mod_proxy_connect of Apache 2.4.71 (apache2-bin
# 2.4.71-1~deb12u1) and tinyproxy 1.11.1 (tinyproxy-bin 1.11.1-2.1+deb12u1). All need apt-get, dpkg
# and the libraries of others that they want. Needs IPv6 on the loopback.
#
# Behaviour: for https://[::1]:8443/ the first four ask their proxy for CONNECT ::1:8443. RFC 9112,
# section 3.2.3, has a host and a port there, and an IPv6 address has its brackets in a host (RFC
# 3986, section 3.2.2): without them it is an address of one more group and no port. Apache says 400
# to that (and so does Squid 5.7); tinyproxy makes out what was meant. So a program that reaches
# servers by their IPv6 addresses does so behind one proxy and not behind another, and what it is
# told, "Bad Request", is of a request that the program has never seen. curl sends the brackets, and
# is good behind both: the proxy looks well, and the fault seems to be the program's own.
#
# Output seen on 2026-11-30:
#   CONNECT, and what Apache 2.4.71 and tinyproxy 1.11.1 say: Python 3.11.2 ::1:PORT 400 200; Ruby 3.1.2 ::1:PORT 400 200; Wget 1.21.3 ::1:PORT 400 200; Erlang/OTP 25 ::1:PORT 400 200; curl 7.88.1 [::1]:PORT 200 200
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q {python3.11-minimal,libpython3.11-minimal,libpython3.11-stdlib}=3.11.2-6+deb12u9 \
	{ruby3.1,libruby3.1}=3.1.7+really3.1.2-0+deb12u1 wget=1.21.3-1+deb12u1 {curl,libcurl4}=7.88.1-10+deb12u15 \
	apache2-bin=2.4.71-1~deb12u1 tinyproxy-bin=1.11.1-2.1+deb12u1 erlang-{base,crypto,asn1,public-key,ssl,inets}=1:25.2.3+dfsg-1+deb12u4 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
cat >main.py <<'END'
import glob, os, re, socket, subprocess, sys, threading, time

root = os.getcwd() + "/debian/"
modules = root + "usr/lib/apache2/modules/mod_"
libraries = glob.glob(root + "usr/lib/*-linux-gnu")[0]
ruby = [root + "usr/lib/ruby/3.1.0", *glob.glob(root + "usr/lib/*-linux-gnu/ruby/3.1.0")]

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

def clients(target, proxy):
    url, env = f"https://[::1]:{target}/", dict(os.environ, LD_LIBRARY_PATH=libraries)
    python = "import sys, urllib.request as r; r.build_opener(r.ProxyHandler({'https': 'http://127.0.0.1:' + sys.argv[2]})).open(sys.argv[1])"
    rb = "u = URI(ARGV[0]); h = Net::HTTP.new(u.hostname, u.port, '127.0.0.1', ARGV[1].to_i); h.use_ssl = true; h.get('/')"
    otp = root + "usr/lib/erlang"
    erl = (f"application:ensure_all_started(ssl), application:ensure_all_started(inets), httpc:set_options([{{https_proxy, {{{{\"127.0.0.1\", {proxy}}}, []}}}}]),"
           f"httpc:request(get, {{\"{url}\", []}}, [{{timeout, 5000}}, {{ssl, [{{verify, verify_none}}, {{log_level, none}}]}}], []), halt().")
    yield "Python 3.11.2", [root + "usr/bin/python3.11", "-c", python, url, str(proxy)], dict(env, PYTHONHOME=root + "usr")
    yield "Ruby 3.1.2", [root + "usr/bin/ruby3.1", "-rnet/http", "-e", rb, url, str(proxy)], dict(env, RUBYLIB=":".join(ruby))
    yield "Wget 1.21.3", [root + "usr/bin/wget", "--no-config", "-q", "-t", "1", "-O", "/dev/null", url], dict(env, https_proxy=f"http://127.0.0.1:{proxy}", no_proxy="")
    yield "Erlang/OTP 25", [otp + "/erts-13.1.5/bin/erlexec", "-noshell", "-eval", erl], dict(
        env, ROOTDIR=otp, BINDIR=otp + "/erts-13.1.5/bin", EMU="beam", PROGNAME="erl")
    yield "curl 7.88.1", [root + "usr/bin/curl", "-q", "-s", "--max-time", "5", "--noproxy", "", "-x", f"http://127.0.0.1:{proxy}", url], env

def until_blank(c):
    head = b""
    while b"\r\n\r\n" not in head:
        more = c.recv(4096)
        if not more:
            break
        head += more
    return head

def ask(command, env, at, proxy):
    "What a client asks its proxy for, and the status in the proxy's answer."
    seen = []
    def between():
        client, _ = listening.accept()
        with client, socket.create_connection(("127.0.0.1", proxy)) as to:
            client.settimeout(20)
            to.settimeout(20)
            asked = until_blank(client)
            to.sendall(asked)
            answer = until_blank(to)
            seen.extend([asked.split()[1].decode(), answer.split()[1].decode()])
    with socket.create_server(("127.0.0.1", at)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=between)
        thread.start()
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        thread.join()
    return seen

target = socket.create_server(("::1", 0), family=socket.AF_INET6)
aim, relay, apache, tiny = target.getsockname()[1], port(), port(), port()
with open("apache.conf", "w") as conf:
    loads = "".join(f"LoadModule {m}_module {modules}{m}.so\n" for m in ("mpm_event", "authz_core", "proxy", "proxy_connect"))
    conf.write(f"ServerRoot {os.getcwd()}\nServerName localhost\nListen 127.0.0.1:{apache}\nPidFile pid\nErrorLog log\n{loads}"
               f"ProxyRequests On\nAllowCONNECT {aim}\nUser nobody\nGroup nogroup\n")
with open("tiny.conf", "w") as conf:
    conf.write(f"Listen 127.0.0.1\nPort {tiny}\nTimeout 10\nMaxClients 20\n")
proxies, rows, bad = {"Apache 2.4.71": apache, "tinyproxy 1.11.1": tiny}, [], False
started = []
try:
    started.append(start([root + "usr/sbin/apache2", "-f", os.getcwd() + "/apache.conf", "-D", "FOREGROUND"], apache))
    started.append(start([root + "usr/bin/tinyproxy", "-d", "-c", "tiny.conf"], tiny))
    for name, command, env in clients(aim, relay):
        asked, statuses = set(), []
        for at in proxies.values():
            what, status = ask(command, env, relay, at)
            asked.add(re.sub(str(aim) + "$", "PORT", what))
            statuses.append(status)
        rows.append(f"{name} {' '.join(asked)} {' '.join(statuses)}")
        want = ({"[::1]:PORT"}, ["200", "200"]) if name.startswith("curl") else ({"::1:PORT"}, ["400", "200"])
        bad |= (asked, statuses) != want
finally:
    for process in started:
        process.terminate()
        process.wait()
print(f"CONNECT, and what {' and '.join(proxies)} say: " + "; ".join(rows))
sys.exit(bad)
END
timeout 240 python3 main.py
