// Package labgob is encoding/gob with warnings for the two mistakes that cost
// students of the Raft labs the most time.
//
// gob encodes only the fields whose names start with a capital letter, and
// leaves the others out without an error. A Raft whose log entry has a field
// `term` works until the first message arrives with term 0. labgob looks at
// every type it is given, once, and warns.
//
// gob does not send zero values, and decoding leaves what it was not sent
// untouched. Decoding into a variable that already holds something (a reply used
// for a second call, a votedFor set to -1 beforehand) may therefore keep the old
// value. labgob looks at the variable before decoding, and warns.
//
// Each warning is given once for a type and field. Warnings go to the standard
// log unless [SetSink] names another place; a test runner does, to show them
// beside the test that caused them.
//
// Everything else is gob: interface values need [Register], a stream describes
// each type once, and decoding damaged bytes returns an error.
package labgob
