package runner

import "tabraft/raft/lab/suite"

// An Order is what a page's Worker wants of the program under GOOS=js. Before it
// starts the program, the Worker sets
//
//	globalThis.tabraftLab = { order: JSON of an Order, tell(kind, json) {...} }
//
// The program takes the order, calls tell as things happen, and ends. It does not
// wait for messages, so that a run depends on nothing but its seed, and touches
// nothing else of the page. The kinds of news, and what their JSON is:
//
//	begin    {"test", "seed"}   a test begins
//	result   Told               it has ended
//	crash    Explained          answer to Explain
//	refused  a string           the order cannot be carried out, and why
type Order struct {
	// Test names the test to run, Seed is its seed.
	Test string `json:"test,omitempty"`
	Seed uint64 `json:"seed,omitempty,string"`
	// Replay is how the run can be repeated, for its report.
	Replay string `json:"replay,omitempty"`
	// Explain, if not empty, is what an earlier program wrote to its standard error
	// before it ended; nothing is run.
	Explain string `json:"explain,omitempty"`
}

// Told is a result with its report as text.
type Told struct {
	suite.Result
	Line string `json:"line"` // the course's line, if it passed
	Text string `json:"text"`
}

// Explained says why a program ended.
type Explained struct {
	Found bool   `json:"found"`
	Text  string `json:"text"`
}
