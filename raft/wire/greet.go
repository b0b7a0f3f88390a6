package wire

// greet.go: what a server says to another one as they are connected. All it has
// to say, which cluster it is in, stands in the header.

// AppendGreet appends a frame that tells which cluster its sender is in.
func AppendGreet(dst []byte, h Header) []byte { return appendHeader(dst, h, KindGreet) }
