#!/usr/bin/env bash
# Software: certtool of GnuTLS 3.7.9 (Debian 12's gnutls-bin and libgnutls30, 3.7.9-2+deb12u7;
# needs apt-get, dpkg and the libraries of others that these want), and a private key on P-256
# in PKCS #8, as OpenSSL's genpkey and req make them.
#
# Behaviour: certtool -k writes the key that it has read once more. Of one in PKCS #8 that is
# what was inside, with the label EC PRIVATE KEY and without the curve, which stands outside
# in PKCS #8 and has to stand inside in this form (RFC 5915, section 3, parameters). The status
# is 0, and --to-p8 and --pkcs8 change nothing. OpenSSL can't read what comes out, nor can
# certtool. A key that GnuTLS has made itself, or that was EC PRIVATE KEY before, keeps its curve.
#
# Output seen on 2026-11-30:
#   GnuTLS 3.7.9, certtool -k: status 0, EC PRIVATE KEY; of OpenSSL's PKCS #8: read by OpenSSL no, by certtool no; of EC PRIVATE KEY: yes, yes; of certtool's PKCS #8: yes, yes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get -o APT::Sandbox::User=root download -q gnutls-bin=3.7.9-2+deb12u7 libgnutls30=3.7.9-2+deb12u7 >/dev/null
for package in *.deb; do dpkg -x "$package" gnutls; done
libraries=$(echo "$dir"/gnutls/usr/lib/*-linux-gnu)
certtool() { LD_LIBRARY_PATH=$libraries timeout 20 gnutls/usr/bin/certtool "$@"; }
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out openssl.pem 2>/dev/null
openssl ec -in openssl.pem -out old.pem 2>/dev/null
certtool --generate-privkey --key-type ecdsa --curve secp256r1 --pkcs8 --password= --no-text --outfile own.pem 2>/dev/null
again() { # NAME: the key, written by certtool -k, and who reads that
	local openssl=no certtool=no
	certtool -k --no-text --password= --infile "$1.pem" >"$1.again"
	if openssl pkey -in "$1.again" -noout 2>/dev/null; then openssl=yes; fi
	if certtool -k --no-text --infile "$1.again" >/dev/null 2>&1; then certtool=yes; fi
	echo "$openssl, $certtool"
}
status=0
of_openssl=$(again openssl) || status=$?
of_old=$(again old)
of_own=$(again own)
label=$(sed -n 's/^-----BEGIN \(.*\)-----$/\1/p' openssl.again)
echo "GnuTLS 3.7.9, certtool -k: status $status, $label; of OpenSSL's PKCS #8: read by OpenSSL ${of_openssl%,*}, by certtool ${of_openssl#*, }; of EC PRIVATE KEY: $of_old; of certtool's PKCS #8: $of_own"
[ "$status" = 0 ] && [ "$label" = "EC PRIVATE KEY" ] && [ "$of_openssl" = "no, no" ] && [ "$of_old" = "yes, yes" ] && [ "$of_own" = "yes, yes" ]
