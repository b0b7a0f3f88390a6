package raft

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shippedBugs is the list of mistakes that other implementations of Raft
// shipped, each with the tests that would fail if it were ours: functions, or
// transcripts in testdata (without .txt). breaks is what happens when the
// guard is taken out. go run ./raft/mutation takes each guard out and sees the
// tests fail.
var shippedBugs = []struct {
	number int
	bug    string
	tests  string
	breaks string
}{
	{1, "an entry of an earlier term commits by counting (Figure 8)", "TestBug01OldTermCommitsWithOwn figure8 figure8e",
		"a committed entry is overwritten by a leader that lacks it"},
	{2, "members change before the leader has committed in its term", "TestBug02NoChangeBeforeOwnTermCommits TestBug02JointNotLeftBeforeOwnTermCommits",
		"two majorities that share no server decide"},
	{3, "stepping down within a term forgets the vote", "TestBug03StepDownKeepsVote TestVoteSurvivesRestart",
		"a server votes twice in a term: two leaders"},
	{4, "term and vote are written apart, or a vote is sent before it is saved", "TestBug04VoteWaitsForItsSave TestBug04VoteInKnownTermWaitsForItsSave async_saves",
		"after a crash a server votes again in the same term"},
	{5, "votes of an earlier candidacy count, or one counts twice", "TestBug05VoteRepliesCountOnceAndForTheirTerm",
		"a candidate leads without a majority"},
	{6, "a server of a low term never learns the higher one by pre-votes", "TestBug06PreVoteRefusalTellsTerm",
		"it asks for ever, and is refused for ever"},
	{7, "granting a pre-vote counts as hearing from a leader", "TestBug07PreVoteChangesNothing",
		"servers that ask one another keep one another from campaigning"},
	{8, "a former leader's pre-votes are refused for ever, or it refuses all", "TestBug08FormerLeaderWinsAgain",
		"no leader where the former one's vote is needed"},
	{9, "pre-votes that come late start a campaign after winning", "TestBug09LatePreVotes",
		"a new leader deposes itself"},
	{10, "a pre-vote counts as a vote", "TestBug10PreVoteIsNoVote",
		"a candidate leads without a majority of votes"},
	{11, "a vote of a higher term counts for a candidate of a lower one", "TestBug11VoteOfHigherTerm",
		"a leader in a term in which nobody voted for it"},
	{12, "a server that was cut off comes back with a high term", "TestBug12IsolatedServerKeepsItsTerm rejoin",
		"it deposes a leader that works well"},
	{13, "in a partial mesh leaders depose one another without end", "TestBug13PartialMeshHasStableLeader TestBug13ChainHasStableLeader stickiness",
		"servers that cannot see the leader interrupt all others"},
	{14, "a read is served before the term's first commit", "TestBug14NoReadBeforeOwnTermCommits read_new_leader",
		"it misses what the leader before committed"},
	{15, "a retried read gets the answer to the first question", "TestBug15RetriedReadIsNotAnsweredByTheFirst TestBug15TicketsOfFollower",
		"it misses what was committed between the two"},
	{16, "a lease is used while leadership is transferred", "TestBug16NoLeaseDuringTransfer read_lease",
		"the old leader answers reads while the new one commits"},
	{17, "a learner refuses to vote, not knowing that it was promoted", "TestBug17And18Learner TestBug17StrangerVotes",
		"no majority can be found, though all are up"},
	{18, "a learner campaigns, or obeys TimeoutNow", "TestBug17And18Learner TestBug18LearnerIgnoresTimeoutNow learner",
		"a server leads that is not a member"},
	{19, "leadership goes to a learner that was promoted but has not saved it", "TestBug19TransferToPromotedLearner",
		"the target does not know that it may campaign: the cluster waits"},
	{20, "a transfer that is cut short leaves the leader refusing commands", "TestBug20TransferCutShort TestBug20ChangeGoesOnAfterTransfer transfer_timeout",
		"no writes until the leader is restarted"},
	{21, "commands taken during a transfer make the target stale", "TestBug21NothingIsAppendedDuringTransfer transfer",
		"the target is told again and again, and never wins"},
	{22, "leaving the joint configuration is forgotten by stepping down", "TestBug22JointConfigurationOfEarlierTermIsLeft TestBug22To25JointConfigurationIsLeftOnce joint_recovery",
		"the cluster needs two majorities for ever, and refuses all changes"},
	{23, "leaving it is proposed many times", "TestBug23JointConfigurationIsLeftOnce TestBug22To25JointConfigurationIsLeftOnce",
		"the log fills with configurations"},
	{24, "a recovered joint configuration is left before it has committed", "TestBug24JointConfigurationNotLeftEarly TestBug22To25JointConfigurationIsLeftOnce",
		"C_new decides alone while C_old does: two majorities"},
	{25, "a restart or a snapshot drops the joint configuration", "TestBug25SnapshotKeepsJointConfiguration TestBug22To25JointConfigurationIsLeftOnce snapshot_configuration",
		"half of the cluster decides alone"},
	{26, "a server campaigns under an old configuration, a later one not being applied", "TestBug26CampaignsUnderUnappliedChange",
		"servers that were removed elect a leader"},
	{27, "a removed leader goes on sending heartbeats", "TestBug27RemovedLeaderStepsDown remove_leader",
		"the cluster follows a server that is not in it"},
	{28, "the configuration in force is not the log's after a cut or a snapshot", "TestBug28ConfigurationFollowsTheLog TestBug28SnapshotReplacesConfiguration joint_undone",
		"servers count majorities of a cluster that never was"},
	{29, "a change counts only when it is applied", "TestBug29ChangeInForceWhenAppended bug29_waiting_for_apply",
		"nobody can be elected who could commit the change"},
	{30, "an entry is overwritten and comes back; its first save counts", "TestBug30OverwrittenAndRestoredEntry TestBug30DurableEntryOverwritten",
		"an entry counts as stored that is not: it is lost in a crash"},
	{31, "an acknowledgement reaches beyond the durable log", "TestBug31AcknowledgementBeyondTheLog TestLeaderCountsItsOwnDisk TestSlowStorageAnswersHeartbeats saves_overtaken",
		"an entry commits that a crash can lose"},
	{32, "saves are reported out of order, and count in that order", "TestBug32SavesReportedOutOfOrder saves_overtaken",
		"a gap in the log after a crash"},
	{33, "an acknowledgement from before the follower's log was cut back counts", "TestBug33AcknowledgementFromBeforeTheCut",
		"an entry commits that the follower has no more"},
	{34, "the quorum's index is taken from an unsorted list", "TestBug34QuorumIndex",
		"entries commit that a minority has"},
	{35, "the index of a probe is stored as matchIndex", "TestBug35RefusalIsNoMatch",
		"entries commit that a follower refused"},
	{36, "a late, shorter AppendEntries cuts a log that matches, or lowers matchIndex", "TestBug36LateShorterAppend",
		"acknowledged entries are deleted"},
	{37, "a throttled follower's next entry is compacted away: an append with term 0", "TestBug37ThrottledFollowerAndCompaction bug37_throttled",
		"the follower refuses for ever, or the leader stops"},
	{38, "the count of bytes in flight leaks", "TestBug38And39CountersReturnToZero TestBug38NothingInFlightAfterLoss",
		"the follower is sent nothing more"},
	{39, "the count of uncommitted bytes never returns to zero", "TestBug38And39CountersReturnToZero TestBug39UncommittedBytesOfEarlierTerm",
		"the leader refuses all commands"},
	{40, "committed entries are handed out in pages, and a page is skipped", "TestBug40NoCommittedEntryIsSkipped",
		"the state machines differ"},
	{41, "a follower behind a fully compacted, idle log never gets a snapshot", "TestBug41IdleCompactedLog bug41_idle",
		"it stays behind until somebody writes"},
	{42, "a second snapshot arrives before the first is saved", "TestBug42SecondSnapshotBeforeFirstIsSaved TestBug42SnapshotReplacesEntriesBeingSaved bug42_two_snapshots",
		"the second is acknowledged by the first's save"},
	{43, "compaction overtakes what waits to be applied", "TestBug43CompactionBehindApply TestBug43InstallOvertakesApply",
		"a state machine skips entries, or is given them twice"},
	{44, "a snapshot's configuration gets the snapshot's index as its own", "TestBug44SnapshotNamesItsConfigurationsEntry",
		"whether a change is the latest is judged wrongly"},
	{45, "the majority of an even number is half", "TestBug45Majority",
		"two halves elect two leaders"},
	{46, "equal seeds, or timeouts without a spread", "TestBug46ElectionTimeouts split_vote",
		"votes are split without end"},
	{47, "a restart with more applied than is known to be committed", "TestBug47RestartAppliesFromTheStart TestBug47SnapshotBeyondStoredCommit",
		"the server does not start, or applies entries twice"},
}

// TestShippedBugsAreTested: the table names all bugs, and the tests exist.
func TestShippedBugsAreTested(t *testing.T) {
	const bugs = 47
	if len(shippedBugs) != bugs {
		t.Errorf("%d bugs in the table, want %d", len(shippedBugs), bugs)
	}
	exists := testNames(t)
	for i, b := range shippedBugs {
		if b.number != i+1 || b.bug == "" || b.breaks == "" || b.tests == "" {
			t.Errorf("row %d is of bug %d, or has a gap: %+v", i+1, b.number, b)
		}
		for _, name := range strings.Fields(b.tests) {
			if !exists[name] {
				t.Errorf("bug %d: there is no test %s", b.number, name)
			}
		}
	}
}

// testNames gives the names of all tests and transcripts of this package.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
	}
	transcripts, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range transcripts {
		names[strings.TrimSuffix(filepath.Base(file), ".txt")] = true
	}
	return names
}
