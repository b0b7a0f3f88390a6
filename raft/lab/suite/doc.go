// Package suite is the lab's 28 tests, for a Raft of any year's form (tester.Adapt).
//
// In a student's package, raft_test.go has one function for each test:
//
//	func TestInitialElection2A(t *testing.T) { suite.Test(t, Make) }
//
// so that `go test -run 2A` does what it does in the course; `-seed N` and `-real` are
// flags of this package. Any other program, also one compiled for GOOS=js, calls Run:
//
//	report, err := suite.Run(suite.Options{Make: myraft.Make, Run: "2B", Out: os.Stdout})
//
// # Virtual time
//
// A test runs in a bubble of testing/synctest: time passes at once when every goroutine
// waits. Where time costs nothing work must cost time, or a client could do any
// amount of it: each RPC takes its server 50 µs, a client of the churn tests needs 1 ms for
// a command, and a test with more than MaxRPCs is stopped. Requests and replies take up
// to half a millisecond also on a reliable network, from the seed, so that
// seeds differ.
//
// Waiting for a lock of package sync does not let virtual time pass. A Raft
// that makes an RPC, sleeps, or sends on applyCh with its lock held can therefore stand
// still; a watchdog in real time finds that within seconds and says who waits for
// what. A goroutine that goes on running for SpinLimit is reported, too; since it cannot
// be stopped, the process should end then (Failure.Running).
//
// # Seeds
//
// A seed decides the network, the test's own choices, and the functions of
// math/rand that the student calls. Under GOOS=js, with package seeded in the
// host, the same seed is the same run, byte for byte. Natively Go's scheduler has a say, in
// what happens at one instant. On one core, three of four runs were the same again event
// by event, measured on a busy machine, most of the others being those with many clients
// or many losses; on all cores (OnAllCores) one of four. The line of the result was
// the same in 218 of 224 runs. Result.Digest tells.
//
// # What a failure says
//
// rules.Watch sees every RPC, answer, save and crash, and finds the first that breaks
// a rule of the paper. Breaches that a correct Raft cannot commit fail the test at once,
// also if the course's checks would have passed it.
//
// A panic in a goroutine of the student's own ends the process, as it must in Go;
// ExplainCrash reads whose it was from the process's last words. Panics in methods that
// the tester or the network called are caught and reported.
//
// # Files
//
//	cases.go        the table of tests
//	election.go agreement.go persistence.go snapshots.go
//	                their bodies, part A to D
//	ask.go          what tests ask for: one leader, agreement
//	lab.go server.go service.go
//	                one run: chance and failure, the servers, the service above each
//	run.go bubble.go watchdog.go stacks.go panic.go
//	                from the outside: virtual time, runs that stand still
//	suite.go gotest.go result.go
//	                Run, Test, and what they print
package suite
