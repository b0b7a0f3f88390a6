package raft

import "embed"

// Files are the files of a student's package. `tabraft lab new` copies them.
//
//go:embed raft.go util.go persister.go raft_test.go
var Files embed.FS
