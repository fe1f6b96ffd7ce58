#!/bin/sh
# serve.sh: answer one HTTP request on 0 and 1. It is PROG to `tlsify listen`.
read -r method path version
while read -r header && [ "$header" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n'
echo "This page came over $TLSIFY_PROTOCOL with $TLSIFY_CIPHER"
echo "and $TLSIFY_GROUP; you asked for $path."
echo "Encrypted Client Hello: ${TLSIFY_ECH:-no}."
