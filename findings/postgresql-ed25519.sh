#!/usr/bin/env bash
# Software: PostgreSQL 15.20 (Debian 12's postgresql-15, postgresql-client-15 and libpq5,
# 15.20-0+deb12u1; need apt-get, dpkg, OpenSSL and the libraries of others that they want), and
# PyPI's psycopg 3.3.9 with the libpq 18 of psycopg-binary 3.3.9, and asyncpg 0.32.0 (need pip).
#
# Behaviour: where the server's certificate is signed by Ed25519, psql and all that is made with
# libpq can't log in by a password (scram-sha-256): "could not find digest for NID UNDEF". libpq
# binds the password to the channel where it can (channel_binding=prefer), by tls-server-end-point,
# which takes a hash by the hash function of the certificate's signature (RFC 5929, section 4.1), and
# Ed25519's has none. It does not go on without, as one would have it from "prefer"; only
# channel_binding=disable helps, of which the message says nothing, and the server's log has no word.
# The certificate's own key does not matter: one of Ed25519 is good when a key on P-256 has signed
# the certificate, and one on P-256 is not when Ed25519 has. asyncpg binds nothing, and is good.
#
# Output seen on 2026-11-30:
#   key Ed25519, signed by Ed25519: psql 15.20 could not find digest for NID UNDEF, with channel_binding=disable good, psycopg with libpq 18 could not find digest for NID UNDEF, asyncpg 0.32.0 good; key P-256, signed by Ed25519: psql 15.20 could not find digest for NID UNDEF, with channel_binding=disable good, psycopg with libpq 18 could not find digest for NID UNDEF, asyncpg 0.32.0 good; key Ed25519, signed by P-256: psql 15.20 good, with channel_binding=disable good, psycopg with libpq 18 good, asyncpg 0.32.0 good
set -euo pipefail
dir=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill -INT "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q {postgresql-15,postgresql-client-15,libpq5}=15.20-0+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" debian; done
programs=$dir/debian/usr/lib/postgresql/15/bin
LD_LIBRARY_PATH=$(echo "$dir"/debian/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check psycopg==3.3.9 psycopg-binary==3.3.9 asyncpg==0.32.0
user=() # PostgreSQL's server does not run as root
if [ "$(id -u)" = 0 ]; then user=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
key() { # FILE KIND
	if [ "$2" = Ed25519 ]; then openssl genpkey -algorithm ed25519 -out "$1"; else
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; fi
}
make() { # KEY SIGNER: a server's certificate of the one kind, signed by a key of the other
	rm -f ./*.key
	key ca.key "$2"
	key server.key "$1"
	openssl req -x509 -new -key ca.key -out ca.pem -days 2 -subj "/CN=Example root" -addext keyUsage=critical,keyCertSign
	openssl req -new -key server.key -out csr.pem -subj /CN=localhost
	printf 'subjectAltName=DNS:localhost\n' >extensions
	openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 2 -extfile extensions -out server.pem 2>/dev/null
}
mkdir data
echo secret >password
if [ "${#user[@]}" -gt 0 ]; then chmod 755 . && chown 65534:65534 data; fi
"${user[@]}" "$programs/initdb" -D data -A scram-sha-256 -U me --pwfile=password -L "$dir/debian/usr/share/postgresql/15" --no-sync >log 2>&1 || { cat log; exit 1; }
cat >client.py <<'END'
import asyncio, ssl, sys
import asyncpg, psycopg

port, options = int(sys.argv[2]), "host=localhost hostaddr=127.0.0.1 user=me password=secret dbname=postgres sslmode=verify-full sslrootcert=ca.pem"

async def by_asyncpg():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations("ca.pem")
    await (await asyncpg.connect(host="localhost", port=port, user="me", password="secret", database="postgres", ssl=context)).close()

try:
    if sys.argv[1] == "asyncpg":
        asyncio.run(by_asyncpg())
    else:
        assert psycopg.pq.version() // 10000 == 18
        psycopg.connect(f"{options} port={port}").close()
    print("good")
except Exception as e:
    print(str(e).split("failed: ")[-1].strip())
END
by_psql() { # BINDING PORT
	if PGPASSWORD=secret timeout 20 "$programs/psql" "host=localhost hostaddr=127.0.0.1 port=$2 user=me dbname=postgres
			sslmode=verify-full sslrootcert=ca.pem channel_binding=$1" -Atqc 'select 1' >out 2>&1; then
		echo good
	else
		sed 's/.*failed: //' out
	fi
}
told=
with() { # KEY SIGNER
	local port ready=
	make "$@"
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	rm -f log
	cp server.pem data/
	install -m 600 ${user[0]:+-o 65534} server.key data/
	"${user[@]}" "$programs/postgres" -D data -p "$port" -k '' -c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file=server.pem \
		-c ssl_key_file=server.key -c fsync=off >log 2>&1 &
	server=$!
	for _ in $(seq 200); do
		if grep -q 'ready to accept' log; then ready=yes && break; fi
		sleep 0.1
	done
	[ "$ready" ] || { cat log; return 1; }
	told+="${told:+; }key $1, signed by $2: psql 15.20 $(by_psql prefer "$port"), with channel_binding=disable $(by_psql disable "$port")"
	told+=", psycopg with libpq 18 $(timeout 20 env -u LD_LIBRARY_PATH venv/bin/python client.py psycopg "$port")"
	told+=", asyncpg 0.32.0 $(timeout 20 env -u LD_LIBRARY_PATH venv/bin/python client.py asyncpg "$port")"
	kill -INT "$server"
	wait "$server"
	server=
}
with Ed25519 Ed25519
with P-256 Ed25519
with Ed25519 P-256
echo "$told"
seen=$(sed 's/psql 15.20 //g; s/with channel_binding=disable //g; s/psycopg with libpq 18 //g; s/asyncpg 0.32.0 //g' <<<"$told")
no='could not find digest for NID UNDEF'
[ "$seen" = "key Ed25519, signed by Ed25519: $no, good, $no, good; key P-256, signed by Ed25519: $no, good, $no, good; key Ed25519, signed by P-256: good, good, good, good" ]
