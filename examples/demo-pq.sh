#!/bin/sh
# demo-pq.sh TLSIFY GO: what `make demo-pq` shows.
set -eu
export TLSIFY="$1" TLSIFY_ENGINE=pq
go=$2
. examples/demo-stage.sh

step "A throw-away CA, a server and a client, with ML-DSA keys throughout"
CGO_ENABLED=0 $go run -buildvcs=false ./engine/internal/mkpki -pq "$dir" >/dev/null
ls "$dir"/pq-ca.pem "$dir"/pq-server.* "$dir"/pq-client.*

step "tlsify listen --min-security pq-auth: nothing classical alone, from either side"
serve --min-security pq-auth --groups X25519MLKEM768,MLKEM1024 \
    --cert "$dir/pq-server.pem" --key "$dir/pq-server.key" --client-auth require --client-trust "$dir/pq-ca.pem"

for group in X25519MLKEM768 MLKEM1024; do
    step "A page over $group; both sides show ML-DSA certificates"
    sh examples/get.sh "$address" / --min-security pq-auth --groups $group --trust "$dir/pq-ca.pem" --name localhost \
        --cert "$dir/pq-client.pem" --key "$dir/pq-client.key" --control-fd 3 3>"$dir/report"
    show <"$dir/report"
done

step "A client that has only a classical key exchange: refused"
if sh examples/get.sh "$address" / --groups x25519 --trust "$dir/pq-ca.pem" --name localhost \
    --control-fd 3 3>"$dir/report"; then
    echo "demo-pq.sh: a classical key exchange was accepted" >&2
    exit 1
fi
show <"$dir/report"
echo "and the server's side said:"
tries=0
until grep -q security-level "$dir/log" || [ $((tries += 1)) -gt 50 ]; do sleep 0.1; done
show <"$dir/log"
step "Done"
