#!/usr/bin/env bash
# Software: the TLS client of Erlang/OTP 25 (Debian 12's erlang-ssl, -inets, -public-key, -crypto,
# -asn1 and -base, 1:25.2.3+dfsg-1+deb12u4, ssl 10.8.7; need apt-get and dpkg), and any server that
# is reached by its IP address, here Python's ssl with OpenSSL, whose client is beside it.
#
# Behaviour: httpc, and ssl:connect with the address as a string, take an IP address in a URL for a
# name. They compare it with the DNS names of the certificate, and not with its addresses
# (iPAddress, RFC 5280, section 4.2.1.6; RFC 9110, section 4.3.5, has https compare these), so with
# verify_peer no right certificate is good: "hostname_check_failed". Also with
# pkix_verify_hostname_match_fun(https), which is "for HTTPS" by the documentation. They ask for the
# address in server_name, too. It helps to give ssl:connect a tuple, which httpc cannot be given; with
# httpc only a match_fun of one's own does, to which {dns_id, "127.0.0.1"} and {iPAddress, _} come.
#
# Output seen on 2026-11-30:
#   Erlang/OTP 25: httpc from localhost good, from 127.0.0.1 hostname_check_failed, and with a match_fun of one's own good; ssl:connect to "127.0.0.1" hostname_check_failed, to {127,0,0,1} good; in server_name: 127.0.0.1, localhost; Python from 127.0.0.1 good
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in base crypto asn1 public-key ssl inets; do
	apt-get -o APT::Sandbox::User=root download -q "erlang-$package=1:25.2.3+dfsg-1+deb12u4" >/dev/null
done
for package in *.deb; do dpkg -x "$package" otp; done
export ROOTDIR=$dir/otp/usr/lib/erlang BINDIR=$dir/otp/usr/lib/erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
	-subj "/CN=Example root" -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out csr.pem -subj /CN=server 2>/dev/null
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >extensions
openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 2 -extfile extensions -out cert.pem 2>/dev/null
cat >client.erl <<'END'
logger:set_primary_config(level, none),
{ok, _} = application:ensure_all_started(ssl),
{ok, _} = application:ensure_all_started(inets),
Port = list_to_integer(os:getenv("PORT")),
Check = fun(Match) -> [{verify, verify_peer}, {cacertfile, "ca.pem"}, {customize_hostname_check, [{match_fun, Match}]}] end,
Https = Check(public_key:pkix_verify_hostname_match_fun(https)),
Own = Check(fun({dns_id, Name}, {iPAddress, Address}) -> inet:parse_address(Name) =:= {ok, list_to_tuple(Address)};
	(_, _) -> default end),
Get = fun(Host, Options) ->
	case httpc:request(get, {"https://" ++ Host ++ ":" ++ integer_to_list(Port) ++ "/", []}, [{timeout, 10000}, {ssl, Options}], []) of
		{ok, {{_, 200, _}, _, _}} -> "good";
		{error, {failed_connect, [_, {inet, _, {tls_alert, {handshake_failure, Text}}}]}} -> lists:last(string:tokens(Text, ",{} \n"))
	end
end,
Connect = fun(Host) ->
	case ssl:connect(Host, Port, Https, 10000) of
		{ok, Socket} -> ssl:close(Socket), "good";
		{error, {tls_alert, {handshake_failure, Text}}} -> lists:last(string:tokens(Text, ",{} \n"))
	end
end,
io:format("httpc from localhost ~s, from 127.0.0.1 ~s, and with a match_fun of one's own ~s; ssl:connect to \"127.0.0.1\" ~s, to {127,0,0,1} ~s",
	[Get("localhost", Https), Get("127.0.0.1", Https), Get("127.0.0.1", Own), Connect("127.0.0.1"), Connect({127, 0, 0, 1})]),
halt().
END
cat >main.py <<'END'
import os, socket, ssl, subprocess, threading, urllib.request

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
asked = set()
context.sni_callback = lambda connection, name, _: asked.add(name)
listener = socket.create_server(("127.0.0.1", 0))
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
erl = ["bash", "-c", '"$BINDIR/erlexec" -noshell -eval "$(cat client.erl)"']
told = subprocess.run(erl, env=dict(os.environ, PORT=str(port)), stdout=subprocess.PIPE, text=True, timeout=60).stdout
names = sorted(filter(None, asked))
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.load_verify_locations("ca.pem")
python = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=client))
page = python.open(f"https://127.0.0.1:{port}/", timeout=20).read()
print(f"Erlang/OTP 25: {told}; in server_name: {', '.join(names)}; Python from 127.0.0.1 {'good' if page == b'page' else page}")
no = "hostname_check_failed"
assert told == (f"httpc from localhost good, from 127.0.0.1 {no}, and with a match_fun of one's own good; "
                f'ssl:connect to "127.0.0.1" {no}, to {{127,0,0,1}} good')
assert names == ["127.0.0.1", "localhost"] and page == b"page"
END
timeout 120 python3 main.py
