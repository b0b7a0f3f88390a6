package raft

import (
	"fmt"
	"io/fs"
	"os"
	"testing"

	"tabraft/raft/lab/tester"
)

// TestMain keeps the skeleton's tests, which cannot pass, from running here. This
// file is not copied.
func TestMain(*testing.M) {
	if err := checkSkeleton(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// checkSkeleton checks that what is copied is whole, and that its Make is one that
// the tests take.
func checkSkeleton() error {
	names, err := fs.Glob(Files, "*.go")
	if err != nil || len(names) != 4 {
		return fmt.Errorf("the skeleton has the files %v (%v), want 4", names, err)
	}
	form, err := tester.Adapt(Make)
	if err != nil {
		return err
	}
	if !form.Snapshots || !form.Kills {
		return fmt.Errorf("the skeleton's Raft lacks a method: %+v", form)
	}
	return nil
}

// What a student's code will use.
var (
	_ = (*Raft).persist
	_ = (*Raft).sendRequestVote
	_ = DPrintf
)
