module tlsify

go 1.27.0

toolchain go1.27.3

// Devices have certificates with negative serial numbers, which crypto/x509 takes
// only so. The rules of the public web, which verify holds the system's issuers
// to, forbid them; an issuer of one's own may have them.
godebug x509negativeserial=1

// How many processors the control group allows matters to nobody who uses one or
// two. With both of these the runtime keeps none of the group's files open, and
// starts nothing that looks at them again.
godebug (
	containermaxprocs=0
	updatemaxprocs=0
)

require (
	github.com/andybalholm/brotli v1.2.8 // brotli, of compressed certificates: of pq where utls, which needs it, is in the build
	github.com/cloudflare/circl v1.6.5
	github.com/google/go-cmp v0.7.0
	github.com/klauspost/compress v1.20.2 // zstd, of compressed certificates: of engines/zstd and of utls
	github.com/landlock-lsm/go-landlock v0.11.0 // the sandbox of cmd/tlsify: Landlock on every thread
	github.com/refraction-networking/utls v1.8.2
	github.com/rogpeppe/go-internal v1.16.0
	github.com/spf13/pflag v1.1.0
	golang.org/x/crypto v0.58.0
	golang.org/x/image v0.47.0 // bench: letters in its PNGs
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

require (
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // indirect
)
