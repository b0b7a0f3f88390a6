package e2e

import "testing"

// The lab's page in Firefox: tests of the suite in its Workers, passed by the
// textbook's Raft; and a Raft that panics, with the report that tells where.
func TestFirefoxLab(t *testing.T) {
	t.Parallel()
	s := newStudent(t)
	url, _ := startLab(t, s.folder)
	tb := startFirefox(t, firefoxOptions{}).open(url + "lab/")
	at := tb.waitBuilt("")
	for _, test := range []string{"InitialElection2A", "BasicAgree2B", "Persist12C", "SnapshotBasic2D"} {
		if r := tb.runLabTest(test); r.State != "passed" {
			t.Errorf("%s %s: %s\n%s", test, r.State, r.Line, r.Report)
		}
	}
	s.patch("apply.go", "rf.log[rf.lastApplied-rf.snapshotIndex].Command", "rf.log[rf.lastApplied].Command")
	tb.waitBuilt(at)
	r := tb.runLabTest("SnapshotBasic2D")
	if r.State != "failed" || !contains(r.Report, "index out of range") || !contains(r.Line, "apply.go") {
		t.Errorf("a Raft that panics %s: %s\n%s", r.State, r.Line, r.Report)
	}
	for _, m := range tb.messages() {
		if m.Level == "error" || m.Level == "warn" {
			t.Errorf("console: %v", m)
		}
	}
}
