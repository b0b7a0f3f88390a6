// Package suite is the lab's 28 tests, for a Raft of any year's form.
//
// In a student's package, raft_test.go has one function for each test:
//
//	func TestInitialElection2A(t *testing.T) { suite.Test(t, Make) }
//
// so that `go test -run 2A` does what it does in the course. Any other program, also one
// compiled for GOOS=js, calls Run:
//
//	report, err := suite.Run(suite.Options{Make: myraft.Make, Run: "2B", Out: os.Stdout})
package suite
