// Package load is what every program of the benchmark shares: the commands, the
// check that they were applied, the loops that are timed, and the protocol
// between the programs and the one that compares them.
//
// A program, one for each implementation and version, calls Serve. It then reads
// requests from its standard input, one JSON object a line, and answers each
// with a line on its standard output. The programs are started once and asked in
// turn, so that whatever else the machine does hits all alike.
//
// An implementation is driven through one of two interfaces: Core, for its
// consensus code alone in a single goroutine, with messages delivered by function
// call, and Cluster, for servers with goroutines of their own. Nothing is counted
// that was not applied by every server, in the same order, and this package
// checks that (Machine), in the timed runs too.
//
// The package depends on nothing but the standard library, so that two versions
// of one rival, which no single module can hold, run the same code.
package load
