#!/bin/sh
# demo-mtc.sh TLSIFY GO: what `make demo-mtc` shows.
set -eu
export TLSIFY="$1" TLSIFY_ENGINE=pq
go=$2
. examples/demo-stage.sh
mtc() { "$dir/tlsify-mtc" "$@"; }
size() { # of the certificates in a PEM file, in bytes
    sed '/^-----BEGIN CERTIFICATE PROPERTIES/,/^-----END/d; /^-----/d' "$1" | tr -d '=\n' | wc -c | awk '{ print int($1 * 3 / 4) }'
}
page() { # OPTION...: fetch one, and show what was said
    sh examples/get.sh "$address" / --min-security pq-auth --groups X25519MLKEM768 --trust "$dir/ca/ca.pem" --name localhost \
        --control-fd 3 "$@" 3>"$dir/report" && status=0 || status=$?
    show <"$dir/report"
}

step "A Merkle Tree CA with two cosigners, and a log of 5,000 entries"
CGO_ENABLED=0 $go build -buildvcs=false -o "$dir/tlsify-mtc" ./cmd/tlsify-mtc
mtc init "$dir/ca" --id 32473.1
mtc cosigner "$dir/ca" --id 32473.2.1
mtc cosigner "$dir/ca" --id 32473.2.2
mtc fill "$dir/ca" 5000

step "A server's key, logged; its standalone certificate; a landmark; and the certificate relative to that"
mtc key "$dir/server.key"
mtc issue "$dir/ca" --name localhost --key "$dir/server.key" --out "$dir/standalone.pem" --cosigners 2
mtc landmark "$dir/ca"
mtc relative "$dir/ca" --cert "$dir/standalone.pem" --out "$dir/relative.pem"
mtc relative "$dir/ca" --cert "$dir/standalone.pem" --out "$dir/forged.pem" --forge

step "What a client is given: the landmark's subtrees, proven by the log's tiles and its signed checkpoint"
mtc landmarks "$dir/ca/log/1" --ca "$dir/ca/ca.pem" --mtc-cosigners "2 $dir/ca/cosigners.txt" >"$dir/landmarks"
cat "$dir/landmarks"

step "Bytes of certificates, each with its proofs and signatures, beside chains of two"
CGO_ENABLED=0 $go run -buildvcs=false ./engine/internal/mkpki -pq "$dir/pq" >/dev/null
CGO_ENABLED=0 $go run -buildvcs=false ./engine/internal/mkpki "$dir/classical" >/dev/null
printf '%6d  Merkle Tree Certificate, relative to a landmark (key: ML-DSA-44)\n' "$(size "$dir/relative.pem")"
printf '%6d  Merkle Tree Certificate, standalone, with three signatures of ML-DSA-44\n' "$(size "$dir/standalone.pem")"
printf '%6d  chain of ML-DSA-44\n' "$(size "$dir/pq/pq-mldsa44.pem")"
printf '%6d  chain of ECDSA P-256\n' "$(size "$dir/classical/good.pem")"

step "tlsify listen, with both"
serve --min-security pq-auth --cert "$dir/relative.pem" --key "$dir/server.key" --cert "$dir/standalone.pem" --key "$dir/server.key"

step "A client with the landmarks: the small one, and nothing is signed but the handshake"
page --mtc-landmarks "$dir/landmarks"

step "A client without: the standalone one, signed by the CA and two cosigners"
page --mtc-cosigners "2 $dir/ca/cosigners.txt"

step "A client whose landmarks are not what it says: refused, then it asks for the other one"
sed '/^subtree/d' "$dir/landmarks" >"$dir/none"
page --mtc-landmarks "$dir/none"

step "A proof that is forged: refused"
kill "$listener"
serve --min-security pq-auth --cert "$dir/forged.pem" --key "$dir/server.key"
page --mtc-landmarks "$dir/landmarks"
[ "$status" -ne 0 ] || {
    echo "demo-mtc.sh: a forged proof was accepted" >&2
    exit 1
}
step "Done"
