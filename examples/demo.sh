#!/bin/sh
# demo.sh TLSIFY GO: what `make demo` shows.
set -eu
export TLSIFY="$1"
go=$2
. examples/demo-stage.sh

step "A throw-away CA, and a certificate for localhost"
CGO_ENABLED=0 $go run -buildvcs=false ./engine/internal/mkpki -demo "$dir"

step "tlsify listen: one process per connection, each running a shell script"
serve --cert "$dir/server.pem" --key "$dir/server.key"

step "A shell script of ten lines, with no TLS in it, fetches a page through tlsify connect"
sh examples/get.sh "$address" / --trust "$dir/ca.pem" --name localhost \
    --control-fd 3 3>"$dir/report"
echo
echo "The control channel said:"
show <"$dir/report"

step "The same with a wrong name: refused, with the evidence"
if sh examples/get.sh "$address" / --trust "$dir/ca.pem" --name bank.example \
    --control-fd 3 3>"$dir/report"; then
    echo "demo.sh: a wrong name was accepted" >&2
    exit 1
fi
show <"$dir/report"
echo "and the server's side was told so:"
tries=0
until grep -q alert "$dir/log" || [ $((tries += 1)) -gt 50 ]; do sleep 0.1; done
show <"$dir/log"
pin=
while read -r keyword value; do
    [ "$keyword" != peer-pin ] || pin=$value
done <"$dir/report"

step "We know this peer: trust its key, and nothing else (--trust none --pin $pin)"
sh examples/get.sh "$address" /again --trust none --pin "$pin"
step "Done"
