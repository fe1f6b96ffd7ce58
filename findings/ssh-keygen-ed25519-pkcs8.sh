#!/usr/bin/env bash
# Software: ssh-keygen of OpenSSH 9.2p1 (Debian 12's openssh-client, 1:9.2p1-2+deb12u10; needs
# apt-get, dpkg and the libraries of others that it wants), and any reader of PKCS #8, here OpenSSL.
#
# Behaviour: ssh-keygen -m PKCS8, and -m PEM, do nothing where the key is of Ed25519: a new key is
# in OpenSSH's own form, and one that -p -m PKCS8 is to convert stays in it, "saved with the new
# passphrase". The status is 0 and nothing is said, and what the key was for, OpenSSL or a TLS
# server, cannot read it. Keys on P-256 and of RSA are made and converted as asked. The manual
# page speaks of "a supported private key type", and does not say which these are.
#
# Output seen on 2026-11-30:
#   OpenSSH 9.2p1, -m PKCS8: ed25519: new OPENSSH PRIVATE KEY (0, OpenSSL reads it: no), converted OPENSSH PRIVATE KEY (0, OpenSSL reads it: no); ecdsa: new PRIVATE KEY (0, OpenSSL reads it: yes), converted PRIVATE KEY (0, OpenSSL reads it: yes); rsa: new PRIVATE KEY (0, OpenSSL reads it: yes), converted PRIVATE KEY (0, OpenSSL reads it: yes)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q openssh-client=1:9.2p1-2+deb12u10 >/dev/null
dpkg -x openssh-client_*.deb ssh
keygen() { # FILE OPTION...: what comes out, and whether OpenSSL reads it
	local label status=0 read=no
	timeout 60 ssh/usr/bin/ssh-keygen -q -N '' -f "$1" "${@:2}" >/dev/null 2>&1 || status=$?
	label=$(sed -n 's/^-----BEGIN \(.*\)-----$/\1/p' "$1")
	if openssl pkey -in "$1" -noout 2>/dev/null; then read=yes; fi
	echo "$label ($status, OpenSSL reads it: $read)"
}
said=
for type in ed25519 ecdsa rsa; do
	new=$(keygen "$type-new" -t "$type" -m PKCS8)
	keygen "$type-old" -t "$type" >/dev/null
	converted=$(keygen "$type-old" -p -P '' -m PKCS8)
	said+="; $type: new $new, converted $converted"
done
echo "OpenSSH 9.2p1, -m PKCS8${said/;/:}"
own="OPENSSH PRIVATE KEY (0, OpenSSL reads it: no)" asked="PRIVATE KEY (0, OpenSSL reads it: yes)"
[ "$said" = "; ed25519: new $own, converted $own; ecdsa: new $asked, converted $asked; rsa: new $asked, converted $asked" ]
